//! Which exit code what the libraries refuse ends with (safeclaw spec 11.2), and what to type next.

use chancery_manifest::{EnvelopeError, Problems};
use chancery_skills::{InstallError, LoadError, SkillsError};

use super::source;
use crate::{CliError, Exit};

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::of(problems, Exit::Manifest)
    }
}

impl From<EnvelopeError> for CliError {
    fn from(error: EnvelopeError) -> Self {
        let exit = match &error {
            EnvelopeError::OtherKey(_) | EnvelopeError::Threshold { .. } => Exit::Trust,
            EnvelopeError::Payload(_) => Exit::Manifest,
            _ => Exit::Signature,
        };
        Self::of(error, exit)
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Read { path, source } => source::unreadable(&path, &source),
            LoadError::TooLarge { path, limit } => source::too_large(&path, limit),
            LoadError::Manifest(problems) => problems.into(),
            LoadError::Envelope(error) => error.into(),
            // what lies there is not what was signed
            LoadError::NotWhatWasSigned | LoadError::File { .. } => {
                Self::of(error, Exit::Signature).hint("fetch the skill again, or sign it again if it is yours")
            }
            error => Self::of(error, Exit::Manifest),
        }
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        let (exit, hint) = match &error {
            InstallError::Unsigned { .. } => (
                Exit::Signature,
                Some("for a skill that you are writing: --allow-unsigned --i-understand".to_owned()),
            ),
            InstallError::InvalidSignature { .. } => (Exit::Signature, None),
            InstallError::Partial { .. } => (
                Exit::Signature,
                Some(
                    "ask the publisher to sign with scheme 2; --accept-partial-signature pins what is there now"
                        .to_owned(),
                ),
            ),
            InstallError::Untrusted { keys, .. } => (
                Exit::Trust,
                Some(format!(
                    "compare the fingerprint with the publisher's own, then pass --trust-key {keys}"
                )),
            ),
            InstallError::KeyChanged { .. } => (
                Exit::Trust,
                Some(
                    "ask the publisher for a rotation statement by the old key, and pass it as --rotation FILE"
                        .to_owned(),
                ),
            ),
            InstallError::Rotation { .. } => (Exit::Trust, None),
            InstallError::Revoked { .. } => (Exit::Revoked, None),
            InstallError::StaleRevocations { .. } => (
                Exit::Revoked,
                Some("pass the current list as --revocations FILE".to_owned()),
            ),
            InstallError::Downgrade { .. } => (
                Exit::Downgrade,
                Some("an older version may have known holes; --allow-downgrade takes it this once".to_owned()),
            ),
            InstallError::Republished { .. } => (Exit::Downgrade, None),
            InstallError::Declined { .. } => (Exit::Denied, Some("nothing was changed".to_owned())),
            _ => (Exit::Failed, None),
        };
        let failure = match error {
            InstallError::Load(error) => return error.into(),
            InstallError::Engine(error) => return error.into(),
            error => Self::of(error, exit),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<SkillsError> for CliError {
    fn from(error: SkillsError) -> Self {
        let exit = match &error {
            SkillsError::NotTheOwner | SkillsError::UntrustedList => Exit::Trust,
            SkillsError::OldList => Exit::Downgrade,
            _ => Exit::Failed,
        };
        Self::of(error, exit)
    }
}
