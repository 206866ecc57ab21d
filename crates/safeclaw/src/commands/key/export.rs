//! `safeclaw key export`.

use std::path::PathBuf;

use chancery_manifest::{KeyId, key_text};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::named;
use crate::{Context, Result, write};

/// Arguments of `key export`.
#[derive(Debug, Args)]
#[command(
    after_help = "The public key is 64 hex digits: give it to those who are to trust you, and its fingerprint by another way.
A private key (PKCS#8 DER in hex, as the original keeps it) goes to a new file of mode 0600 and nowhere
else.

Examples:
  safeclaw key export > alice.pub
  safeclaw key export release-2026 --json
  safeclaw key export --private --reveal --out backup.key"
)]
pub struct Arguments {
    /// Label of the key
    #[arg(default_value = named::DEFAULT)]
    label: String,
    /// Export the private half
    #[arg(long, requires = "reveal", requires = "out")]
    private: bool,
    /// Say that you mean it
    #[arg(long, requires = "private")]
    reveal: bool,
    /// File to write, which must not be there
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// [`Code::KeyNotFound`](crate::Code::KeyNotFound), [`Code::FileExists`](crate::Code::FileExists); those of opening the
/// vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let label = &arguments.label;
    let key = named::signing_key(&context.open_vault()?, label)?;
    let (keyid, public) = (KeyId::of(&key.public()), key_text::public_key_to_hex(&key.public()));
    let mut view = json!({ "label": label, "keyid": keyid, "publicKey": public });
    let Some(path) = &arguments.out else {
        // a pipe gets the key and nothing else
        context.output.note(format_args!("fingerprint: {keyid}"));
        return context.show(&view, &[public]);
    };
    let text = if arguments.private {
        key_text::private_key_to_hex(&key)
    } else {
        Zeroizing::new(public)
    };
    write::new_file(path, text.as_bytes())?;
    view["file"] = json!(path);
    let half = if arguments.private { "private" } else { "public" };
    context.show(
        &view,
        &[format!("wrote the {half} key {label} ({keyid}) to {}", path.display())],
    )
}
