//! `safeclaw key revoke`.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use chancery_base::{Millis, ed25519::SecretKey};
use chancery_manifest::{Envelope, KeyId, RevocationList};
use chancery_skills::Revoked;
use chancery_store::files;
use clap::Args;
use serde_json::json;

use super::named;
use crate::{CliError, Code, Context, Exit, Result, time};

/// Largest list that is read: as large as the envelope of one can be.
const MAX_LIST_BYTES: u64 = 512 * 1024;

/// Arguments of `key revoke`.
#[derive(Debug, Args)]
#[command(
    after_help = "Acts here at once, on every process, and is not undone. Taking away needs no passphrase.

With --list the same is written, signed by one of your keys, into a list that others pass to
`safeclaw skill install --revocations`; a list of that key that is there is continued. They believe
it about the skills that they let your key publish, and about your key itself.

Examples:
  safeclaw key revoke SHA256:... --reason 'laptop stolen'
  safeclaw key revoke default --list revocations.json --key default --expires 90d"
)]
pub struct Arguments {
    /// Fingerprint, public key or a file that holds it, label of a publisher, or of the key that signs the list
    #[arg(value_name = "KEY")]
    key: String,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
    /// Also write it into this signed list
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Label of your key that signs the list
    #[arg(long = "key", value_name = "LABEL", default_value = named::DEFAULT, requires = "list")]
    signer: String,
    /// When others should ask for a newer list
    #[arg(long, value_name = "WHEN", default_value = "90d", requires = "list")]
    expires: String,
}

/// Runs it.
///
/// # Errors
/// [`Code::KeyInvalid`], [`Code::TimeInvalid`], [`Code::ListInvalid`]; those of the engine; with `--list` those of the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let skills = context.skills()?;
    let publishers = skills.publishers()?;
    let now = context.now();
    let expires = time::after(&arguments.expires, now)?;
    if expires <= now {
        return Err(CliError::new(Code::TimeInvalid, "--expires is in the past"));
    }
    // a list that cannot be continued is known before anything is taken back
    let signer = match &arguments.list {
        Some(path) => {
            let vault = context.open_vault()?;
            Some((path, named::signing_key(&vault, &arguments.signer)?))
        }
        None => None,
    };
    let keyid = match &signer {
        Some((_, key)) if arguments.key == arguments.signer => KeyId::of(&key.public()),
        _ => named::key_id(&arguments.key, &publishers)?,
    };
    let list = match &signer {
        Some((path, key)) => Some((*path, signed_list(path, key, keyid, expires, now)?)),
        None => None,
    };
    let what = Revoked::Key {
        keyid: keyid.to_string(),
    };
    let revocation = skills.revoke(what, &arguments.reason)?;
    let mut view = json!({ "keyid": keyid, "revokedAt": revocation.at.to_rfc3339(), "reason": revocation.reason });
    let mut human = vec![format!("{keyid} is revoked")];
    if let Some((path, (envelope, sequence))) = list {
        files::write_private(path, envelope.to_json().as_bytes())
            .map_err(|error| CliError::from(error).hint("the key is revoked here; only the list was not written"))?;
        view["list"] = json!({ "file": path, "sequence": sequence, "expires": expires.to_rfc3339() });
        human.push(format!(
            "wrote the revocation list {}, sequence {sequence}",
            path.display()
        ));
    }
    context.show(&view, &human)
}

/// The list at `path` with `keyid` in it, signed by `key`, and its sequence.
fn signed_list(path: &Path, key: &SecretKey, keyid: KeyId, expires: Millis, now: Millis) -> Result<(Envelope, u64)> {
    let before = known_list(path, key)?;
    // seconds rise by themselves, so that a list that was lost is followed by a higher one, too
    let seconds = u64::try_from(now.secs()).unwrap_or(0);
    let mut list = before.unwrap_or(RevocationList {
        sequence: 0,
        issued: now,
        expires,
        keys: Vec::new(),
        manifests: Vec::new(),
        skills: Vec::new(),
    });
    list.sequence = seconds.max(list.sequence.saturating_add(1));
    list.issued = now;
    list.expires = expires;
    if !list.keys.contains(&keyid) {
        list.keys.push(keyid);
    }
    let envelope = Envelope::sign(&list, &[key]).map_err(|error| CliError::of(error, Exit::Failed))?;
    Ok((envelope, list.sequence))
}

/// The list that is to be continued, when there is one and `key` signed it.
fn known_list(path: &Path, key: &SecretKey) -> Result<Option<RevocationList>> {
    let refuse = |why: String| CliError::new(Code::ListInvalid, format!("{} {why}", path.display()));
    match std::fs::metadata(path) {
        Err(_) => return Ok(None),
        Ok(found) if !found.is_file() || found.len() > MAX_LIST_BYTES => {
            return Err(refuse("is no revocation list".to_owned()));
        }
        Ok(_) => {}
    }
    let envelope = Envelope::parse(&files::read_private(path)?)
        .map_err(|error| refuse(format!("is no revocation list: {error}")))?;
    let verified = envelope
        .verify_as::<RevocationList>(&[key.public()], NonZeroUsize::MIN)
        .map_err(|error| refuse(format!("is not a list of that key: {error}")))?;
    Ok(Some(verified.into_inner()))
}
