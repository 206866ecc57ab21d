//! `safeclaw skill sign`.

use std::{num::NonZeroUsize, path::PathBuf};

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{
    Envelope, KeyId, Limits, Manifest, Options,
    json::{self, Object, Value},
    key_text, legacy,
};
use chancery_vault::{Vault, keys};
use clap::Args;
use serde_json::json;

use super::{asked, folder, pretty, source, view};
use crate::{CliError, Code, Context, Result};

/// The key that onboarding made.
const DEFAULT: &str = "default";

/// Arguments of `skill sign`.
#[derive(Debug, Args)]
#[command(
    after_help = "A manifest of version 2 gets the list of the folder's files, each with its SHA-256, and the
public key, and is signed as a whole: the signatures are in manifest.json.dsse beside it.
Whoever signs the same bytes again adds a signature, so that several keys can be asked for at
install.

Examples:
  safeclaw skill sign ./acme.notes
  safeclaw skill sign ./acme.notes --key release --key backup
  safeclaw skill sign ./acme.notes --threshold 2
  safeclaw skill sign ./acme.notes --legacy"
)]
pub struct Arguments {
    /// Folder of the skill, or its manifest
    path: PathBuf,
    /// Label of a signing key in the vault
    #[arg(long = "key", value_name = "LABEL", default_value = DEFAULT)]
    keys: Vec<String>,
    /// Put a signature of the original's kind into the manifest, too
    #[arg(long)]
    legacy: bool,
    /// How many keys are to sign in the end, to be told how many are missing
    #[arg(long, value_name = "N", default_value = "1")]
    threshold: NonZeroUsize,
}

/// Runs it.
///
/// # Errors
/// `SKILL_MANIFEST_INVALID`, exit code 2; [`Code::KeyNotFound`] and those of the vault, exit code 9; what cannot be read or
/// written.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let path = source::manifest_of(&arguments.path);
    let document = json::read(&source::manifest_bytes(&path)?, &Limits::default())
        .map_err(|problem| CliError::from(problem).about(path.display()))?;
    let Value::Object(mut object) = document else {
        // the reader of manifests says it as the original does
        return Err(source::manifest(&path).err().unwrap_or_else(unwritable));
    };
    let before = source::envelope_if_any(&source::envelope_of(&path))?;
    let filled = fill(&mut object, &path)?;
    let vault = context.open_vault()?;
    let signing = signing_keys(&vault, &arguments.keys)?;
    drop(vault);
    let before = before.filter(|envelope| signs(envelope, &object));
    bring_key(&mut object, before.as_ref(), &signing);
    let document = inside(object, arguments.legacy, &signing)?;
    let text = pretty::pretty(&document).ok_or_else(unwritable)?;
    let manifest = Manifest::parse(text.as_bytes(), &Options::default())
        .map_err(|problems| CliError::from(problems).about(path.display()))?;
    let keys: Vec<&SecretKey> = signing.iter().collect();
    let envelope = match before.filter(|envelope| is_of(envelope, &manifest)) {
        Some(mut envelope) => {
            keys.iter().for_each(|key| envelope.add_signature(key));
            envelope
        }
        None => Envelope::sign(&manifest, &keys)?,
    };
    folder::replace(&path, text.as_bytes())?;
    let envelope_path = source::envelope_of(&path);
    folder::replace(&envelope_path, format!("{}\n", envelope.to_json()).as_bytes())?;

    let uncovered = arguments
        .legacy
        .then(|| legacy::uncovered(manifest.document()))
        .flatten();
    for name in &filled.left_out {
        context.output.note(format!("{name} begins with a dot and is left out"));
    }
    if filled.version_1 && filled.other_files {
        context.output.warn(
            "the other files of the folder are not part of the skill: only a manifest with \"schemaVersion\": 2 lists them",
        );
    }
    if let Some(pointer) = &uncovered {
        context.output.warn(format!(
            "the signature of the original's kind does not cover {}: who trusts it alone trusts whoever changed that",
            asked::visible(pointer)
        ));
    }
    // who signs and installs nothing has no owner key, and has revoked nothing
    let revoked = context.revoked_keys().unwrap_or_default();
    for key in signing.iter().map(|key| KeyId::of(&key.public())) {
        if revoked.contains(&key.to_string()) {
            context.output.warn(format!(
                "{key} is revoked: whoever knows that installs nothing that it signs"
            ));
        }
    }
    let signers: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.keyid).collect();
    let missing = arguments.threshold.get().saturating_sub(signers.len());
    let mut lines = vec![
        format!("signed {} {}", manifest.id(), manifest.version()),
        format!(
            "  {} listed, signatures in {}",
            view::count(manifest.files().len(), "file"),
            envelope_path.display()
        ),
    ];
    lines.extend(signers.iter().map(|signer| format!("  by {signer}")));
    if missing > 0 {
        lines.push(format!("  {missing} more must sign: hand the folder on"));
    }
    context.show(
        &json!({
            "id": manifest.id(),
            "version": manifest.version().to_string(),
            "manifest": chancery_base::digest::sha256_hex(chancery_manifest::SignedDocument::payload(&manifest)),
            "files": manifest.files().len(),
            "envelope": envelope_path,
            "signers": signers,
            "threshold": arguments.threshold,
            "missing": missing,
            "legacy": arguments.legacy,
            "legacyUncovered": uncovered,
        }),
        &lines,
    )
}

fn unwritable() -> CliError {
    CliError::new(Code::FileFailed, "the manifest cannot be written as JSON")
}

/// What filling in did.
#[derive(Default)]
struct Filled {
    left_out: Vec<String>,
    version_1: bool,
    other_files: bool,
}

/// Lists the files of the folder in a manifest of version 2.
fn fill(object: &mut Object, path: &std::path::Path) -> Result<Filled> {
    let version_1 = object.get("schemaVersion").is_none();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(std::path::Path::new("."));
    if path.file_name().is_none_or(|name| name != source::MANIFEST) {
        // a manifest under another name shares its folder with others: what it lists is brought up to date, nothing else
        let listed = object
            .get("files")
            .and_then(Value::as_array)
            .unwrap_or_default()
            .to_vec();
        let paths = listed.iter().filter_map(|item| item.as_object()?.get("path")?.as_str());
        let mut entries = Vec::new();
        for relative in paths.filter(|path| !path.starts_with('/') && !path.split('/').any(|part| part == "..")) {
            entries.push(folder::entry_of(&folder.join(relative), relative.to_owned())?.to_value());
        }
        if !entries.is_empty() {
            object.set("files", Value::Array(entries));
        }
        return Ok(Filled::default());
    }
    let listing = folder::list(folder)?;
    let other_files = !listing.files.is_empty();
    if !version_1 && (other_files || object.get("files").is_some()) {
        object.set(
            "files",
            Value::Array(listing.files.iter().map(folder::Entry::to_value).collect()),
        );
    }
    Ok(Filled {
        left_out: listing.left_out,
        version_1,
        other_files,
    })
}

/// The keys of these labels, each once.
fn signing_keys(vault: &Vault, labels: &[String]) -> Result<Vec<SecretKey>> {
    let mut found: Vec<SecretKey> = Vec::new();
    for label in labels {
        let entry = (label != DEFAULT).then_some(label.as_str());
        let key = keys::load(vault, entry)?
            .ok_or_else(|| CliError::new(Code::KeyNotFound, format!("the vault has no signing key {label:?}")))?;
        if !found.iter().any(|known| known.public() == key.public()) {
            found.push(key);
        }
    }
    Ok(found)
}

/// Whether `envelope` signs `object` as it is now.
fn signs(envelope: &Envelope, object: &Object) -> bool {
    let text = serde_json::to_string(&Value::Object(object.clone())).unwrap_or_default();
    Manifest::parse(text.as_bytes(), &Options::default()).is_ok_and(|manifest| is_of(envelope, &manifest))
}

fn is_of(envelope: &Envelope, manifest: &Manifest) -> bool {
    envelope
        .unverified_manifest()
        .is_ok_and(|signed| signed.digest() == manifest.digest())
}

/// A manifest brings a key of those who sign it, so that whoever meets it first can look at its fingerprint.
fn bring_key(object: &mut Object, before: Option<&Envelope>, signing: &[SecretKey]) {
    let brought = object
        .get("publicKey")
        .and_then(Value::as_str)
        .and_then(|text| key_text::public_key_from_hex(text).ok());
    let theirs = before.and_then(Envelope::claimed_key);
    let stays = brought.is_some_and(|key| theirs == Some(key) || signing.iter().any(|signer| signer.public() == key));
    if let (false, Some(key)) = (stays, signing.first()) {
        object.set("publicKey", key_text::public_key_to_hex(&key.public()).as_str().into());
    }
}

/// The document with a signature of the original's kind, or without one that is no longer good.
fn inside(object: Object, wanted: bool, signing: &[SecretKey]) -> Result<Value> {
    let document = Value::Object(object);
    let brought = document
        .as_object()
        .and_then(|object| object.get("publicKey"))
        .and_then(Value::as_str);
    let signer = signing
        .iter()
        .find(|key| brought == Some(key_text::public_key_to_hex(&key.public()).as_str()));
    match (wanted, signer, legacy::verdict(&document)) {
        (true, Some(key), _) => legacy::sign(&document, key).ok_or_else(unwritable),
        (true, None, _) => Err(CliError::new(
            Code::KeyNotFound,
            "the original's signature is by the key that the manifest brings, which does not sign here",
        )),
        (false, _, legacy::Verdict::Reject(_)) => match document {
            Value::Object(object) => Ok(Value::Object(object.without(&["signature"]))),
            other => Ok(other),
        },
        (false, ..) => Ok(document),
    }
}
