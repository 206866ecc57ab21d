//! The desktop's keyring, through libsecret's `secret-tool`.
//!
//! Secrets go to it over standard input and come back over standard output: none is ever in an argument list.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use chancery_base::b64;
use zeroize::Zeroizing;

use crate::crypt::Key;
use crate::error::VaultError;

/// Most bytes that are read from the program: a key has 44.
const MAX_ANSWER_BYTES: u64 = 4096;

/// A keyring and the application whose keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    program: OsString,
    application: String,
}

impl Keyring {
    /// Keys of `application`, such as `safeclaw`, in the keyring of this session, by `secret-tool` from the search path.
    #[must_use]
    pub fn new(application: impl Into<String>) -> Self {
        Self::with_program("secret-tool", application)
    }

    /// The same by another program of the same interface.
    #[must_use]
    pub fn with_program(program: impl Into<OsString>, application: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            application: application.into(),
        }
    }

    pub(crate) fn application(&self) -> &str {
        &self.application
    }

    /// The attributes of the original's key.
    pub(crate) fn v1_attributes(&self) -> [(&str, &str); 2] {
        [("application", &self.application), ("type", "master-key")]
    }

    /// The attributes of a vault's key. Each change of the key gets a new item, so that the old one opens the vault until
    /// the new header is on the disk.
    pub(crate) fn attributes<'a>(&'a self, item: &'a str) -> [(&'a str, &'a str); 3] {
        [
            ("application", &self.application),
            ("type", "vault-key"),
            ("item", item),
        ]
    }

    /// The key with these attributes; `None` when there is none.
    pub(crate) fn lookup(&self, attributes: &[(&str, &str)]) -> Result<Option<Key>, VaultError> {
        // it fails without a word when it finds nothing
        let (_, answer) = self.run("lookup", &[], attributes, None)?;
        let text = answer.trim_ascii();
        if text.is_empty() {
            return Ok(None);
        }
        let key = std::str::from_utf8(text)
            .ok()
            .and_then(|text| b64::decode_standard(text).ok());
        let key = Zeroizing::new(key.unwrap_or_default());
        <[u8; 32]>::try_from(key.as_slice())
            .map(|key| Some(Zeroizing::new(key)))
            .map_err(|_| VaultError::NotAKey("the keyring".to_owned()))
    }

    /// Stores `key` under these attributes, in the place of one that is there.
    pub(crate) fn store(&self, label: &str, attributes: &[(&str, &str)], key: &Key) -> Result<(), VaultError> {
        let text = Zeroizing::new(b64::encode_standard(key.as_slice()));
        let (succeeded, _) = self.run(
            "store",
            &[&format!("--label={label}")],
            attributes,
            Some(text.as_bytes()),
        )?;
        if succeeded {
            Ok(())
        } else {
            Err(VaultError::Keyring("it did not store the key".to_owned()))
        }
    }

    /// Runs the program: whether it succeeded, and what it wrote.
    fn run(
        &self,
        verb: &str,
        options: &[&str],
        attributes: &[(&str, &str)],
        input: Option<&[u8]>,
    ) -> Result<(bool, Zeroizing<Vec<u8>>), VaultError> {
        let failed = |error: std::io::Error| {
            VaultError::Keyring(format!("{} cannot be run: {error}", self.program.to_string_lossy()))
        };
        let mut child = Command::new(&self.program)
            .arg(verb)
            .args(options)
            .args(attributes.iter().flat_map(|(name, value)| [name, value]))
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // a program that ends early says so by its status
            let _ = stdin.write_all(input);
        }
        let mut answer = Zeroizing::new(Vec::with_capacity(256));
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).map_err(failed)?;
        }
        let mut words = String::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(MAX_ANSWER_BYTES).read_to_string(&mut words);
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() && !words.trim().is_empty() {
            return Err(VaultError::Keyring(words.trim().to_owned()));
        }
        Ok((status.success(), answer))
    }
}
