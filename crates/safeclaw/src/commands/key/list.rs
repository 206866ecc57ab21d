//! `safeclaw key list`.

use std::collections::BTreeSet;

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
    revoked: bool,
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
    revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
}

impl Trusted {
    fn new(publisher: Publisher, revoked: &BTreeSet<String>) -> Self {
        Self {
            revoked: revoked.contains(&publisher.keyid),
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
    let revoked = context.revoked_keys()?;
    let signing_keys = if arguments.publishers {
        None
    } else {
        Some(signing_keys(context, &revoked)?)
    };
    let publishers = context.skills()?.publishers()?;
    let view = View {
        signing_keys,
        owner,
        publishers: publishers
            .into_iter()
            .map(|publisher| Trusted::new(publisher, &revoked))
            .collect(),
    };
    context.show(&view, &human(&view))
}

fn signing_keys(context: &Context, revoked: &BTreeSet<String>) -> Result<Vec<SigningKey>> {
    let vault = context.unlock()?.vault;
    let mut found = Vec::new();
    for label in keys::labels(&vault) {
        let Some(key) = keys::load(&vault, label.as_deref())? else {
            continue;
        };
        let keyid = KeyId::of(&key.public());
        found.push(SigningKey {
            label: label.unwrap_or_else(|| named::DEFAULT.to_owned()),
            revoked: revoked.contains(&keyid.to_string()),
            keyid,
            public_key: key_text::public_key_to_hex(&key.public()),
        });
    }
    Ok(found)
}

fn word(revoked: bool) -> &'static str {
    if revoked { ", REVOKED" } else { "" }
}

fn human(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(keys) = &view.signing_keys {
        lines.push("Signing keys:".to_owned());
        lines.extend(
            keys.iter()
                .map(|key| format!("  {}  {}{}", key.keyid, key.label, word(key.revoked))),
        );
        if keys.is_empty() {
            lines.push("  none; `safeclaw key new` makes one".to_owned());
        }
    }
    lines.push("Owner key:".to_owned());
    lines.push(format!("  {}", view.owner));
    lines.push("Publishers whom you trust:".to_owned());
    for publisher in &view.publishers {
        let until = publisher.not_after.as_ref().map(|at| format!(", until {at}"));
        let label = match publisher.label.as_str() {
            "" => String::new(),
            label => format!("{label} "),
        };
        lines.push(format!(
            "  {}  {label}for {}{}{}",
            publisher.keyid,
            publisher.scopes.join(", "),
            until.unwrap_or_default(),
            word(publisher.revoked)
        ));
    }
    if view.publishers.is_empty() {
        lines.push("  none".to_owned());
    }
    lines
}
