//! The check at install: envelope to verified manifest.

use std::num::NonZeroUsize;

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{Envelope, Manifest, Options as ManifestOptions, SignedDocument as _, pae};

use super::{Options, report};
use crate::repeat::pairs;

/// A manifest of the size of the seed's sample, in version 2.
const MANIFEST: &str = r#"{
  "schemaVersion": 2,
  "id": "my-skill",
  "version": "1.0.0",
  "name": "My Skill",
  "description": "What this skill does",
  "requiredCapabilities": [
    {
      "capability": "fs:read",
      "constraints": { "paths": ["/home/user/data"] },
      "reason": "Read data files for processing"
    }
  ],
  "tools": [
    {
      "name": "my_tool",
      "description": "What this tool does",
      "parameters": {
        "type": "object",
        "properties": { "input": { "type": "string", "description": "Input data" } },
        "required": ["input"]
      }
    }
  ]
}"#;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let key = SecretKey::from_seed(&[7; 32]);
    let manifest = Manifest::parse(MANIFEST.as_bytes(), &ManifestOptions::default())?;
    let envelope = Envelope::sign(&manifest, &[&key])?.to_json();
    let public = [key.public()];
    let message = pae(Manifest::PAYLOAD_TYPE, manifest.payload().as_bytes());
    let signature = key.sign(&message);
    let repeat = options.repeat / 4 + 1;
    let measured = pairs(
        (options.pairs, repeat),
        || Ok(Envelope::parse(envelope.as_bytes())?.verify(&public, NonZeroUsize::MIN)?),
        || Ok(key.public().verify(&message, &signature)?),
    )?;
    report(options, "skills.check_at_install", &measured, "<=3")
}
