//! The external signer: another program that holds the root key, as `signet-signer` does (signet spec 8.5).
//!
//! `create`, `sign`, `info` and `delete` with options, JSON on stdout, exit code 2 when the owner said no. Nothing secret
//! passes either way: a key's reference is the program's own, and what is signed is a hash.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use chancery_base::{hex, json};
use chancery_keys::{Approval, ApproverKind, KeyPolicy, Readiness, Request, RootKey, RootSignature};
use chancery_terminal::harmless;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::approve::Approver;
use crate::error::CustodyError;

/// Names the program.
pub const SIGNER_PATH: &str = "SIGNET_SIGNER_PATH";
/// How long it may take, in milliseconds.
pub const SIGNER_TIMEOUT: &str = "SIGNET_SIGNER_TIMEOUT_MS";
/// That, when nobody says otherwise: a person has to find the sensor.
pub const TIMEOUT_MS: u64 = 30_000;
/// Longest time that can be set: an approval lives no longer.
pub const MAX_TIMEOUT_MS: u64 = 5 * 60 * 1000;
/// Most bytes that are read from it: answers have some hundred.
const MAX_OUTPUT: u64 = 64 << 10;
/// Most bytes of a key's reference: a wrapped P-256 key has some hundred.
const MAX_KEY_REF: usize = 4096;
/// Exit code of a program whose owner said no.
const CANCELLED: i32 = 2;
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(5);
/// Variables of ours that are none of its business.
const WITHHELD: [&str; 2] = ["XMTP_SIGNET_CREDENTIAL_TOKEN", crate::unlock::PASSPHRASE_FILE];

/// A program that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    program: PathBuf,
    timeout: Duration,
}

/// A key that a signer made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerKey {
    /// What the signer calls it.
    pub key_ref: String,
    /// Its public half.
    pub public_key: RootKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    key_ref: String,
    public_key: String,
}

#[derive(Deserialize)]
struct SignedHash {
    signature: String,
}

#[derive(Deserialize)]
struct System {
    available: bool,
}

#[derive(Deserialize)]
struct Known {
    exists: bool,
}

impl Signer {
    /// The program at this absolute path, which may take `timeout`.
    ///
    /// # Errors
    /// [`CustodyError::SignerSettings`] for a path that is not absolute, and a time of zero or above [`MAX_TIMEOUT_MS`].
    pub fn new(program: impl Into<PathBuf>, timeout: Duration) -> Result<Self, CustodyError> {
        let program = program.into();
        if !program.is_absolute() {
            // a search path is anybody's to put something in front of
            return Err(CustodyError::SignerSettings("the path is not absolute"));
        }
        if timeout.is_zero() || timeout > Duration::from_millis(MAX_TIMEOUT_MS) {
            return Err(CustodyError::SignerSettings("the time is not 1 to 300000 ms"));
        }
        Ok(Self { program, timeout })
    }

    /// The program that the environment names; `None` when it names none.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the time is no number.
    pub fn of_process() -> Result<Option<Self>, CustodyError> {
        Self::of(std::env::var_os(SIGNER_PATH), std::env::var_os(SIGNER_TIMEOUT))
    }

    fn of(path: Option<OsString>, timeout: Option<OsString>) -> Result<Option<Self>, CustodyError> {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let timeout = match timeout.filter(|timeout| !timeout.is_empty()) {
            None => TIMEOUT_MS,
            Some(text) => {
                let number = text.to_str().and_then(|text| text.parse().ok());
                number.ok_or(CustodyError::SignerSettings("the time is no number"))?
            }
        };
        Self::new(path, Duration::from_millis(timeout)).map(Some)
    }

    /// Whether it has hardware to hold keys.
    ///
    /// # Errors
    /// [`CustodyError::Signer`], [`CustodyError::SignerTimeout`].
    pub fn is_available(&self) -> Result<bool, CustodyError> {
        Ok(self.ask::<System>(&["info", "--system"])?.available)
    }

    /// Has it make a key for signing.
    ///
    /// # Errors
    /// [`CustodyError::Cancelled`]; [`CustodyError::Signer`], [`CustodyError::SignerTimeout`].
    pub fn create(&self, label: &str, policy: KeyPolicy) -> Result<SignerKey, CustodyError> {
        let policy = match policy {
            KeyPolicy::Biometric => "biometric",
            KeyPolicy::Passcode => "passcode",
            KeyPolicy::Open => "open",
        };
        let created: Created = self.ask(&["create", "--label", label, "--policy", policy, "--purpose", "signing"])?;
        let plain = |b: u8| b.is_ascii_graphic();
        // it comes back as an argument, where it must not pass for an option
        let fits = (1..=MAX_KEY_REF).contains(&created.key_ref.len())
            && created.key_ref.bytes().all(plain)
            && !created.key_ref.starts_with('-');
        if !fits {
            return Err(CustodyError::Signer("its key has no usable reference".to_owned()));
        }
        let public_key = RootKey::parse(&created.public_key);
        Ok(SignerKey {
            key_ref: created.key_ref,
            public_key: public_key.map_err(|error| CustodyError::Signer(error.to_string()))?,
        })
    }

    /// Has it sign a hash.
    ///
    /// # Errors
    /// [`CustodyError::Cancelled`]; [`CustodyError::Signer`], [`CustodyError::SignerTimeout`].
    pub fn sign(&self, key_ref: &str, hash: &[u8; 32]) -> Result<RootSignature, CustodyError> {
        let hash = hex::encode(hash);
        let signed: SignedHash = self.ask(&["sign", "--key-ref", key_ref, "--data", &hash])?;
        RootSignature::parse(&signed.signature).map_err(|error| CustodyError::Signer(error.to_string()))
    }

    /// Whether it has this key.
    ///
    /// # Errors
    /// [`CustodyError::Signer`], [`CustodyError::SignerTimeout`].
    pub fn has(&self, key_ref: &str) -> Result<bool, CustodyError> {
        Ok(self.ask::<Known>(&["info", "--key-ref", key_ref])?.exists)
    }

    /// Has it forget a key.
    ///
    /// # Errors
    /// [`CustodyError::Cancelled`]; [`CustodyError::Signer`], [`CustodyError::SignerTimeout`].
    pub fn delete(&self, key_ref: &str) -> Result<(), CustodyError> {
        self.run(&["delete", "--key-ref", key_ref]).map(|_| ())
    }

    /// Whether it can be asked now.
    pub(crate) fn readiness(&self) -> Readiness {
        match self.is_available() {
            Ok(true) => Readiness::Ready,
            Ok(false) => Readiness::Missing("it has no hardware for keys".to_owned()),
            Err(error) => Readiness::Missing(error.to_string()),
        }
    }

    fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T, CustodyError> {
        let answer = self.run(arguments)?;
        json::from_object_strict(&answer)
            .map_err(|_| CustodyError::Signer("its answer is not what was asked for".to_owned()))
    }

    /// Runs it; returns what it wrote to stdout.
    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, CustodyError> {
        let failed = |error: std::io::Error| CustodyError::Signer(format!("it cannot be run: {error}"));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for variable in WITHHELD {
            command.env_remove(variable);
        }
        let mut child = command.spawn().map_err(failed)?;
        let output = reader(child.stdout.take());
        let words = reader(child.stderr.take());
        let Some(status) = self.wait(&mut child)? else {
            return Err(CustodyError::SignerTimeout(
                u64::try_from(self.timeout.as_millis()).unwrap_or(MAX_TIMEOUT_MS),
            ));
        };
        match status.code() {
            Some(0) => Ok(output.recv_timeout(self.timeout).unwrap_or_default()),
            Some(CANCELLED) => Err(CustodyError::Cancelled),
            _ => {
                let words = words.recv_timeout(TICK * 20).unwrap_or_default();
                let words = String::from_utf8_lossy(&words);
                let line = words.lines().next().unwrap_or_default().chars().take(200);
                let line: String = line.collect();
                Err(CustodyError::Signer(format!("{status}: {}", harmless(&line))))
            }
        }
    }

    /// Waits for its end; ends it when the time is over. It stays in our process group: in one of its own it could not ask at the
    /// terminal.
    fn wait(&self, child: &mut Child) -> Result<Option<ExitStatus>, CustodyError> {
        let failed = |error: std::io::Error| CustodyError::Signer(format!("it is lost: {error}"));
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(Some(status));
            }
            if begun.elapsed() >= self.timeout {
                // it may have ended by itself just now
                let _ = child.kill();
                child.wait().map_err(failed)?;
                return Ok(None);
            }
            thread::sleep(TICK);
        }
    }
}

/// Reads beside us, so that a full pipe stops nobody.
fn reader(from: Option<impl std::io::Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    if let Some(from) = from {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = from.take(MAX_OUTPUT).read_to_end(&mut bytes);
            let _ = send.send(bytes);
        });
    }
    receive
}

/// The owner's yes through a signer that holds the root key.
#[derive(Debug, Clone)]
pub struct SignedBy {
    signer: Signer,
    key_ref: String,
    root: RootKey,
}

impl SignedBy {
    /// Has `signer` sign with the key that it calls `key_ref`, which is to be `root`.
    #[must_use]
    pub fn new(signer: Signer, key_ref: String, root: RootKey) -> Self {
        Self { signer, key_ref, root }
    }
}

impl Approver for SignedBy {
    fn kind(&self) -> ApproverKind {
        ApproverKind::ExternalSigner
    }

    fn readiness(&self) -> Readiness {
        match self.signer.has(&self.key_ref) {
            Ok(true) => Readiness::Ready,
            Ok(false) => Readiness::Missing("it does not have the root key".to_owned()),
            Err(error) => Readiness::Missing(error.to_string()),
        }
    }

    fn approve(&self, request: &Request) -> Result<Approval, CustodyError> {
        let hash = request.hash()?;
        let signature = self.signer.sign(&self.key_ref, &hash)?;
        self.root
            .verify(&hash, &signature)
            .map_err(|_| CustodyError::Signer("it signed with another key".to_owned()))?;
        Ok(Approval {
            request: request.id,
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_an_absolute_path_and_a_time_in_milliseconds() {
        let of = |path: &str, timeout: Option<&str>| Signer::of(Some(path.into()), timeout.map(Into::into));
        assert_eq!(Signer::of(None, Some("5".into())).unwrap(), None);
        assert_eq!(of("", None).unwrap(), None);
        assert_eq!(of("/s", None).unwrap().unwrap().timeout, Duration::from_secs(30));
        assert_eq!(
            of("/s", Some("150")).unwrap().unwrap().timeout,
            Duration::from_millis(150)
        );
        for (path, timeout) in [
            ("s", None),
            ("./s", None),
            ("/s", Some("0")),
            ("/s", Some("soon")),
            ("/s", Some("300001")),
        ] {
            let error = of(path, timeout).unwrap_err();
            assert!(matches!(error, CustodyError::SignerSettings(_)), "{path} {timeout:?}");
        }
    }
}
