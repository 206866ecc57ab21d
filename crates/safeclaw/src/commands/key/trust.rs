//! `safeclaw key trust`.

use chancery_manifest::{KeyId, key_text};
use chancery_skills::TrustRequest;
use clap::Args;
use serde_json::json;

use super::named;
use crate::{CliError, Code, Context, Result, time};

/// Arguments of `key trust`.
#[derive(Debug, Args)]
#[command(
    after_help = "Compare the whole fingerprint with the one that the publisher gave you by another way. It is shown before the
passphrase is asked for; where nobody is asked, --fingerprint must name it. For a key that is trusted
already, what you say takes the place of what you said before.

Examples:
  safeclaw key trust alice.pub --scope 'acme.*' --label Acme
  safeclaw key trust alice.pub --scope acme.notes --label Acme --not-after 365d
  safeclaw key trust alice.pub --fingerprint SHA256:... --scope 'acme.*' --label Acme --passphrase @FILE"
)]
pub struct Arguments {
    /// The public key: 64 hex digits, or a file that holds them
    #[arg(value_name = "KEY|FILE")]
    key: String,
    /// Ids of skills that it may publish: one, or a beginning and a star
    #[arg(long = "scope", value_name = "ID|PREFIX*", required = true)]
    scopes: Vec<String>,
    /// What you call its holder
    #[arg(long)]
    label: String,
    /// The fingerprint that it must have
    #[arg(long, value_name = "SHA256:...")]
    fingerprint: Option<String>,
    /// Until when it may publish: a date, a time, or a span such as 365d
    #[arg(long, value_name = "WHEN")]
    not_after: Option<String>,
}

/// Runs it.
///
/// # Errors
/// [`Code::KeyInvalid`], [`Code::FingerprintDiffers`], [`Code::FingerprintRequired`], [`Code::TimeInvalid`]; those of the
/// engine and the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let key = named::public_key(&arguments.key)?;
    let keyid = KeyId::of(&key);
    check_fingerprint(arguments, keyid, context)?;
    let now = context.now();
    let not_after = arguments
        .not_after
        .as_deref()
        .map(|text| time::after(text, now))
        .transpose()?;
    if not_after.is_some_and(|end| end <= now) {
        return Err(CliError::new(Code::TimeInvalid, "--not-after is in the past"));
    }
    let known = context.skills()?.publishers()?;
    if let Some(known) = known.iter().find(|known| known.keyid == keyid.to_string()) {
        context.output.note(format_args!(
            "it may publish {} until now; what you say takes the place of that",
            known.scopes.join(", ")
        ));
    }
    context.output.note(format_args!(
        "{keyid} may publish {} as {:?}, once you confirm it with your passphrase",
        arguments.scopes.join(", "),
        arguments.label
    ));
    let unlocked = context.unlock()?;
    let request = TrustRequest {
        key,
        label: arguments.label.clone(),
        scopes: arguments.scopes.clone(),
        source: format!("safeclaw key trust {}", arguments.key),
        not_after,
    };
    let skills = context.skills_as_owner(&unlocked.owner)?;
    let publisher = skills.trust(&unlocked.owner, &request)?;
    context.show(
        &json!({
            "keyid": publisher.keyid,
            "publicKey": key_text::public_key_to_hex(&publisher.key),
            "label": publisher.label,
            "scopes": publisher.scopes,
            "notAfter": publisher.not_after.map(chancery_base::Millis::to_rfc3339),
        }),
        &[format!(
            "{} ({}) is trusted for {}",
            publisher.label,
            publisher.keyid,
            publisher.scopes.join(", ")
        )],
    )
}

fn check_fingerprint(arguments: &Arguments, keyid: KeyId, context: &Context) -> Result<()> {
    match &arguments.fingerprint {
        Some(text) => {
            let expected: KeyId = text
                .parse()
                .map_err(|error| CliError::new(Code::KeyInvalid, format!("--fingerprint: {error}")))?;
            if expected == keyid {
                return Ok(());
            }
            Err(CliError::new(
                Code::FingerprintDiffers,
                format!("the key is {keyid}, not {expected}"),
            ))
        }
        None if context.given_passphrase().is_some() => Err(CliError::new(
            Code::FingerprintRequired,
            format!("nobody is asked whether {keyid} is the right key"),
        )
        .hint(format!(
            "after comparing it with the publisher's own, pass --fingerprint {keyid}"
        ))),
        None => Ok(()),
    }
}
