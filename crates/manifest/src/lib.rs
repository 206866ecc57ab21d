//! Skill manifests: what they ask for, what they say, and whether the signature means it.
//!
//! A [`Manifest`] is strictly read: every problem at once, with code and place. An [`Envelope`] carries one with its
//! signatures, and [verifies](Envelope::verify) it into a [`VerifiedManifest`], which is parsed from the bytes that were
//! signed. The original's own format and scheme are in [`legacy`], with the question that it never asked: what does the
//! signature cover?

mod code;
mod diff;
mod dsse;
mod form;
mod hex;
mod id;
pub mod json;
mod key_id;
pub mod key_text;
pub mod legacy;
mod manifest;
mod problem;
mod revocation;
mod rotation;
mod seed;
mod signed;
pub mod skill_md;
mod text;
mod version;

pub use code::Code;
pub use diff::{Diff, RequestChange, ToolChange, diff};
pub use dsse::{Envelope, EnvelopeError, EnvelopeSignature, pae};
pub use id::{SkillId, SkillIdError};
pub use json::Limits;
pub use key_id::{KeyId, KeyIdError};
pub use key_text::KeyTextError;
pub use manifest::{
    Annotations, ArgumentProblem, CapabilityRequest, Effect, Entrypoint, EntrypointKind, FileEntry, Manifest, Options,
    ParameterSchema, SchemaVersion, Tool,
};
pub use problem::{Problem, Problems, Severity};
pub use revocation::{RevocationList, RevokedSkill};
pub use rotation::Rotation;
pub use seed::{SignatureCheck, SigningKeyPair, generate_signing_key_pair, sign_manifest, verify_manifest_signature};
pub use signed::{SignedDocument, Verified};
pub use version::{VersionRange, VersionRangeError};

/// A manifest that enough trusted keys signed.
pub type VerifiedManifest = Verified<Manifest>;
