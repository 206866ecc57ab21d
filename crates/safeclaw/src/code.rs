//! The names of what this command refuses, and what to do about it.

use crate::Exit;

chancery_terminal::codes! {
    /// The arguments do not fit the command.
    Usage = "SAFECLAW_USAGE", Input, "see --help";
    /// Neither `--home-dir` nor `HOME` says where the files are.
    HomeRequired = "SAFECLAW_HOME_REQUIRED", Input, "set HOME or pass --home-dir <DIR>";
    /// A file or directory could not be read, written or made.
    FileFailed = "SAFECLAW_FILE_FAILED", Internal;
    /// A passphrase in the argument list, where other users see it.
    PassphraseBare = "SAFECLAW_PASSPHRASE_BARE", Input, "pass --passphrase - (one line of stdin), --passphrase @FILE, or set SAFECLAW_PASSPHRASE_FILE";
    /// Something that `doctor` looked at is wrong.
    Unhealthy = "SAFECLAW_UNHEALTHY", Conflict;
}

impl Code {
    /// The exit code that goes with it.
    #[must_use]
    pub const fn exit(self) -> Exit {
        Exit::Failed
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
