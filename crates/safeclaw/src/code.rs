//! The names of what this command refuses, and what to do about it.

use crate::Exit;

chancery_terminal::codes! {
    /// The arguments do not fit the command.
    Usage = "SAFECLAW_USAGE", Input, "see --help";
    /// Neither `--home-dir` nor `HOME` says where the files are.
    HomeRequired = "SAFECLAW_HOME_REQUIRED", Input, "set HOME or pass --home-dir <DIR>";
    /// A file or directory could not be read, written or made.
    FileFailed = "SAFECLAW_FILE_FAILED", Internal;
    /// A secret in the argument list, where other users see it.
    SecretBare = "SAFECLAW_SECRET_BARE", Input, "give - for stdin, or @FILE; SAFECLAW_PASSPHRASE_FILE names a file with the passphrase";
    /// A secret would appear on the terminal.
    SecretShown = "SAFECLAW_SECRET_SHOWN", Input, "pass --reveal to show it, or write it into a pipe or file";
    /// There is no vault, owner key or database yet.
    NotOnboarded = "SAFECLAW_NOT_ONBOARDED", NotFound, "run `safeclaw onboard`";
    /// The vault's owner key is not the pinned one.
    OwnerChanged = "SAFECLAW_OWNER_CHANGED", Forbidden, "somebody replaced the vault or owner.pub: restore both from one backup";
    /// The vault has no entry of that name.
    EntryNotFound = "SAFECLAW_ENTRY_NOT_FOUND", NotFound, "`safeclaw vault list` shows the names";
    /// The vault has no signing key of that label.
    KeyNotFound = "SAFECLAW_KEY_NOT_FOUND", NotFound, "`safeclaw key list` shows the labels, `safeclaw key new` makes a key";
    /// Not a public key, a file that holds one, a fingerprint or a label.
    KeyInvalid = "SAFECLAW_KEY_INVALID", Input, "a public key has 64 hex digits, a fingerprint is SHA256: and 43 characters";
    /// A key that is trusted nowhere here.
    KeyUnknown = "SAFECLAW_KEY_UNKNOWN", NotFound, "`safeclaw key list` shows the publishers and their fingerprints";
    /// A key has another fingerprint than it must have.
    FingerprintDiffers = "SAFECLAW_FINGERPRINT_DIFFERS", Forbidden, "ask the publisher for the key again, by another way";
    /// A key would be trusted without anybody having compared its fingerprint.
    FingerprintRequired = "SAFECLAW_FINGERPRINT_REQUIRED", Input;
    /// Not a time or span.
    TimeInvalid = "SAFECLAW_TIME_INVALID", Input, "such as 90m, 12h, 7d, 2026-12-24 or 2026-12-24T18:00:00Z";
    /// A document was not written because a file is there already.
    FileExists = "SAFECLAW_FILE_EXISTS", Conflict, "choose another name, or move the file away";
    /// The revocation list that is to be continued is not one of this key.
    ListInvalid = "SAFECLAW_REVOCATION_LIST_INVALID", Input;
    /// You said no.
    Denied = "SAFECLAW_DENIED", Conflict;
    /// `safeclaw.json` is not what it should be.
    ConfigInvalid = "SAFECLAW_CONFIG_INVALID", Input, "correct the file, or move it away";
    /// The audit chain is broken.
    AuditBroken = "SAFECLAW_AUDIT_BROKEN", Conflict, "keep a copy of skills.db as it is, then find out who could write to it";
    /// A file cannot be read, or is none.
    FileUnreadable = "SAFECLAW_FILE_UNREADABLE", Input;
    /// A file or folder is larger than a skill may be.
    FileTooLarge = "SAFECLAW_FILE_TOO_LARGE", Input;
    /// `validate` found problems.
    ManifestRefused = "SAFECLAW_MANIFEST_REFUSED", Input;
    /// `verify` found no signatures that are enough.
    SignatureRefused = "SAFECLAW_SIGNATURE_REFUSED", Unauthenticated;
    /// You did not trust the key of a publisher.
    Untrusted = "SAFECLAW_UNTRUSTED", Forbidden;
    /// No grant of that description is in force.
    GrantUnknown = "SAFECLAW_GRANT_UNKNOWN", NotFound, "`safeclaw skill grants` shows what is granted";
    /// A file of example calls is none.
    CallsInvalid = "SAFECLAW_CALLS_INVALID", Input, "see `safeclaw skill test --help`";
    /// Example calls were not answered as expected.
    CallsUnexpected = "SAFECLAW_CALLS_UNEXPECTED", Conflict;
    /// Something that `doctor` looked at is wrong.
    Unhealthy = "SAFECLAW_UNHEALTHY", Conflict;
}

impl Code {
    /// The exit code that goes with it.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::EntryNotFound | Self::KeyNotFound => Exit::Vault,
            Self::FileTooLarge | Self::ManifestRefused => Exit::Manifest,
            Self::SignatureRefused => Exit::Signature,
            Self::OwnerChanged | Self::Untrusted | Self::FingerprintDiffers | Self::FingerprintRequired => Exit::Trust,
            Self::Denied => Exit::Denied,
            _ => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_one_and_begins_as_this_command() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("SAFECLAW_")));
    }
}
