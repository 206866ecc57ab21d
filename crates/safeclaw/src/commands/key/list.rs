//! `safeclaw key list`.

use chancery_manifest::{KeyId, key_text};
use chancery_skills::Publisher;
use chancery_vault::keys;
use clap::Args;
use serde::Serialize;

use super::named;
use crate::{Context, Result};

/// Arguments of `key list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Your own keys are in the vault, so the passphrase is asked for; with --publishers it is not.

Examples:
  safeclaw key list
  safeclaw key list --publishers --json"
)]
pub struct Arguments {
    /// Only the publishers whom you trust
    #[arg(long)]
    publishers: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_keys: Option<Vec<SigningKey>>,
    owner: KeyId,
    publishers: Vec<Trusted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SigningKey {
    label: String,
    keyid: KeyId,
    public_key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trusted {
    keyid: String,
    public_key: String,
    label: String,
    scopes: Vec<String>,
    added_at: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
}

impl From<Publisher> for Trusted {
    fn from(publisher: Publisher) -> Self {
        Self {
            public_key: key_text::public_key_to_hex(&publisher.key),
            keyid: publisher.keyid,
            label: publisher.label,
            scopes: publisher.scopes,
            added_at: publisher.added_at.to_rfc3339(),
            source: publisher.source,
            not_after: publisher.not_after.map(chancery_base::Millis::to_rfc3339),
        }
    }
}

/// Runs it.
///
/// # Errors
/// [`Code::NotOnboarded`](crate::Code::NotOnboarded); those of opening vault and database.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let owner = KeyId::of(&context.owner_key()?);
    let signing_keys = if arguments.publishers {
        None
    } else {
        Some(signing_keys(context)?)
    };
    let publishers = context.skills()?.publishers()?;
    let view = View {
        signing_keys,
        owner,
        publishers: publishers.into_iter().map(Trusted::from).collect(),
    };
    context.show(&view, &human(&view))
}

fn signing_keys(context: &Context) -> Result<Vec<SigningKey>> {
    let vault = context.unlock()?.vault;
    let mut found = Vec::new();
    for label in keys::labels(&vault) {
        let Some(key) = keys::load(&vault, label.as_deref())? else {
            continue;
        };
        found.push(SigningKey {
            label: label.unwrap_or_else(|| named::DEFAULT.to_owned()),
            keyid: KeyId::of(&key.public()),
            public_key: key_text::public_key_to_hex(&key.public()),
        });
    }
    Ok(found)
}

fn human(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(keys) = &view.signing_keys {
        lines.push("Signing keys:".to_owned());
        lines.extend(keys.iter().map(|key| format!("  {}  {}", key.keyid, key.label)));
        if keys.is_empty() {
            lines.push("  none; `safeclaw key new` makes one".to_owned());
        }
    }
    lines.push("Owner key:".to_owned());
    lines.push(format!("  {}", view.owner));
    lines.push("Publishers whom you trust:".to_owned());
    for publisher in &view.publishers {
        let until = publisher.not_after.as_ref().map(|at| format!(", until {at}"));
        lines.push(format!(
            "  {}  {} for {}{}",
            publisher.keyid,
            publisher.label,
            publisher.scopes.join(", "),
            until.unwrap_or_default()
        ));
    }
    if view.publishers.is_empty() {
        lines.push("  none".to_owned());
    }
    lines
}
