//! `safeclaw skill verify`.

use std::{num::NonZeroUsize, path::PathBuf};

use chancery_base::ed25519::PublicKey;
use chancery_manifest::{Envelope, EnvelopeError, KeyId, key_text, legacy};
use chancery_skills::{Package, Publisher, SkillLoader};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::{CliError, Code, Context, Exit, Result};

/// Arguments of `skill verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when enough keys signed all of it, and with 3 otherwise. Whether you trust those
keys is another question, which `safeclaw skill install` asks; what is trusted here is shown.

Examples:
  safeclaw skill verify ./acme.notes
  safeclaw skill verify ./acme.notes --threshold 2 --json
  safeclaw skill verify ./acme.notes --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)]
pub struct Arguments {
    /// Folder of the skill, or its manifest
    path: PathBuf,
    /// Public key, 64 hex digits: only signatures by these keys count
    #[arg(long = "key", value_name = "HEX", value_parser = public_key)]
    keys: Vec<PublicKey>,
    /// How many keys must have signed
    #[arg(long, value_name = "N", default_value = "1")]
    threshold: NonZeroUsize,
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    key_text::public_key_from_hex(text).map_err(|error| error.to_string())
}

/// What the signatures came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// All of it is signed by enough keys.
    Accept,
    /// By the original's scheme, which says nothing about a part of it.
    Partial,
    /// Too few signatures, or by keys that are not known.
    TooFew,
    /// Nobody signed.
    Unsigned,
    /// A signature is wrong.
    Reject,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signer {
    keyid: KeyId,
    verified: bool,
    trusted: bool,
    label: Option<String>,
}

struct Judged {
    scheme: &'static str,
    verdict: Verdict,
    signers: Vec<Signer>,
    uncovered: Option<String>,
    detail: Option<String>,
}

/// Runs it.
///
/// # Errors
/// Exit code 3 with the verdict on stdout; `SKILL_FILE_MISMATCH` and `SKILL_NOT_WHAT_WAS_SIGNED` with exit code 3;
/// `SKILL_MANIFEST_INVALID` with 2.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let package = SkillLoader::new().load_from_file(&arguments.path)?;
    let publishers = match super::engine_if_any(context)? {
        Some(skills) => skills.publishers()?,
        None => Vec::new(),
    };
    let judged = match package.envelope() {
        Some(envelope) => scheme_2(&package, envelope, &publishers, arguments, context),
        None => original(&package, &publishers, arguments, context),
    };
    let manifest = package.manifest();
    let mut lines = vec![format!("{} {}: {}", manifest.id(), manifest.version(), words(&judged))];
    for signer in &judged.signers {
        let trust = match (&signer.label, signer.trusted) {
            (Some(label), true) => format!("trusted here as {label:?}"),
            (None, true) => "trusted here".to_owned(),
            (_, false) => "not trusted here with this skill".to_owned(),
        };
        let good = if signer.verified { "signed by" } else { "NOT checked:" };
        lines.push(format!("  {good} {} ({trust})", signer.keyid));
    }
    lines.push(format!(
        "  the manifest's list of {} is what is there",
        super::view::count(manifest.files().len(), "file")
    ));
    lines.push(format!("  manifest SHA-256 {}", package.manifest_sha256()));
    context.show(
        &json!({
            "path": arguments.path,
            "id": manifest.id(),
            "version": manifest.version().to_string(),
            "manifest": package.manifest_sha256(),
            "scheme": judged.scheme,
            "verdict": judged.verdict,
            "threshold": arguments.threshold,
            "signers": judged.signers,
            "covered": judged.verdict == Verdict::Accept,
            "firstUncovered": judged.uncovered,
            "detail": judged.detail,
            "files": manifest.files().len(),
        }),
        &lines,
    )?;
    if judged.verdict == Verdict::Accept {
        Ok(())
    } else {
        Err(CliError::new(Code::SignatureRefused, words(&judged))
            .exit(Exit::Signature)
            .shown())
    }
}

fn words(judged: &Judged) -> String {
    let detail = judged.detail.as_deref().unwrap_or_default();
    match judged.verdict {
        Verdict::Accept => "the signatures are good and cover everything".to_owned(),
        Verdict::Partial => format!(
            "PARTIAL: the signature does not cover {}, which anybody may have changed",
            super::asked::visible(judged.uncovered.as_deref().unwrap_or("/"))
        ),
        Verdict::TooFew => format!("NOT ENOUGH: {detail}"),
        Verdict::Unsigned => "UNSIGNED: nobody vouches for it".to_owned(),
        Verdict::Reject => format!("REJECTED: {detail}"),
    }
}

fn scheme_2(
    package: &Package,
    envelope: &Envelope,
    publishers: &[Publisher],
    arguments: &Arguments,
    context: &Context,
) -> Judged {
    let keys: Vec<PublicKey> = if arguments.keys.is_empty() {
        let trusted = publishers.iter().map(|publisher| publisher.key);
        let mut keys: Vec<PublicKey> = envelope.claimed_key().into_iter().chain(trusted).collect();
        let mut seen = Vec::new();
        keys.retain(|key| {
            let new = !seen.contains(key);
            seen.push(*key);
            new
        });
        keys
    } else {
        arguments.keys.clone()
    };
    let (verdict, verified, detail) = match envelope.verify(&keys, arguments.threshold) {
        Ok(verified) => (Verdict::Accept, verified.signers().to_vec(), None),
        Err(EnvelopeError::Threshold { signed, needed }) => {
            let verified = envelope.verify(&keys, NonZeroUsize::MIN);
            let verified = verified.map(|verified| verified.signers().to_vec()).unwrap_or_default();
            let detail = format!("{signed} of the keys that are known here signed, {needed} must");
            (Verdict::TooFew, verified, Some(detail))
        }
        Err(error) => (Verdict::Reject, Vec::new(), Some(error.to_string())),
    };
    let signers = envelope.signatures().iter().map(|signature| {
        let verified = verified.contains(&signature.keyid);
        signer(signature.keyid, verified, package, publishers, context)
    });
    Judged {
        scheme: "v2",
        verdict,
        signers: signers.collect(),
        uncovered: None,
        detail,
    }
}

fn original(package: &Package, publishers: &[Publisher], arguments: &Arguments, context: &Context) -> Judged {
    let by = |verdict, key: &PublicKey, uncovered: Option<String>| {
        let counts = arguments.keys.is_empty() || arguments.keys.contains(key);
        let enough = counts && arguments.threshold == NonZeroUsize::MIN;
        let detail = (!enough).then(|| format!("one key signed, {} of those that count must", arguments.threshold));
        Judged {
            scheme: "legacy",
            verdict: if enough { verdict } else { Verdict::TooFew },
            signers: vec![signer(KeyId::of(key), true, package, publishers, context)],
            uncovered,
            detail,
        }
    };
    let without = |scheme, verdict, detail| Judged {
        scheme,
        verdict,
        signers: Vec::new(),
        uncovered: None,
        detail,
    };
    match legacy::verdict(package.manifest().document()) {
        legacy::Verdict::Accept { key } => by(Verdict::Accept, &key, None),
        legacy::Verdict::Partial { key, pointer } => by(Verdict::Partial, &key, Some(pointer)),
        legacy::Verdict::Unsigned => without("unsigned", Verdict::Unsigned, None),
        legacy::Verdict::Reject(reason) => without("legacy", Verdict::Reject, Some(reason.to_string())),
    }
}

fn signer(keyid: KeyId, verified: bool, package: &Package, publishers: &[Publisher], context: &Context) -> Signer {
    let name = keyid.to_string();
    let publisher = publishers.iter().find(|publisher| publisher.keyid == name);
    let id = package.manifest().id().as_str();
    Signer {
        keyid,
        verified,
        trusted: publisher.is_some_and(|publisher| publisher.may_publish(id, context.now())),
        label: publisher
            .map(|publisher| publisher.label.clone())
            .filter(|label| !label.is_empty()),
    }
}
