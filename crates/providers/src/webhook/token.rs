//! The token that a receiver asks for.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use chancery_store::files;
use serde::Deserialize;
use zeroize::Zeroizing;

/// How the token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TokenHeader {
    /// `x-openclaw-token`.
    #[default]
    OpenClaw,
    /// `x-webhook-token`, as the webhook channels of PicoClaw and NanoBot forks read it.
    Webhook,
    /// `Authorization: Bearer`.
    Bearer,
}

/// Where the token comes from.
#[derive(Default)]
pub struct HookToken {
    file: Option<PathBuf>,
    given: bool,
    current: Mutex<Option<Zeroizing<String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelayFile {
    #[serde(default)]
    openclaw_hook_token: Option<String>,
}

impl HookToken {
    /// No token.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This token, whatever files say: a flag or a variable gave it.
    #[must_use]
    pub fn given(token: Zeroizing<String>) -> Self {
        Self {
            file: None,
            given: true,
            current: Mutex::new(Some(token)),
        }
    }

    /// The member `openclawHookToken` of `openclaw-relay.json` at `path`, read again when the receiver refuses it: setup may
    /// have written another one. A file that is not there yet counts as one without a token.
    #[must_use]
    pub fn from_relay_file(path: PathBuf) -> Self {
        let token = Self {
            file: Some(path),
            given: false,
            current: Mutex::new(None),
        };
        token.read_again();
        token
    }

    /// The token now.
    pub(crate) fn current(&self) -> Option<Zeroizing<String>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again; whether the token is another one now.
    pub(crate) fn read_again(&self) -> bool {
        let Some(path) = self.file.as_ref().filter(|_| !self.given) else {
            return false;
        };
        let read = match files::read_private(path) {
            Ok(bytes) => serde_json::from_slice::<RelayFile>(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.is_not_found() => Ok(RelayFile {
                openclaw_hook_token: None,
            }),
            Err(error) => Err(error.to_string()),
        };
        let new = match read {
            Ok(file) => file
                .openclaw_hook_token
                .map(Zeroizing::new)
                .filter(|token| !token.trim().is_empty()),
            Err(error) => {
                tracing::warn!(path = %path.display(), error, "the hook token cannot be read");
                return false;
            }
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *current != new;
        *current = new;
        changed
    }
}

impl std::fmt::Debug for HookToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookToken")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
