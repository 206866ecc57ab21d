//! The configuration of the original, `safeclaw.json` (safeclaw spec 11.1). Nothing of ours is set in it; it is read, as
//! strictly as the original reads it, so that `doctor` can tell whether the original would.

use std::path::Path;

use chancery_base::json;
use chancery_store::files;
use serde::Deserialize;

use crate::{CliError, Code, Result};

/// Every member that the original knows; any other is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "nothing of ours uses them; that they read is what is to be known"
)]
pub(crate) struct Config {
    model: Option<String>,
    system_prompt: Option<String>,
    max_tool_rounds: Option<u32>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    max_context_tokens: Option<u32>,
    gateway: Option<Gateway>,
    sandbox: Option<Sandbox>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
struct Gateway {
    host: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
struct Sandbox {
    enabled: Option<bool>,
    timeout: Option<u64>,
}

impl Config {
    /// The file at `path`; `None` when there is none.
    ///
    /// # Errors
    /// [`Code::ConfigInvalid`]; [`Code::FileFailed`] when it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match files::read_private(path) {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read?,
        };
        json::from_object_strict(&bytes).map(Some).map_err(|error| {
            CliError::new(
                Code::ConfigInvalid,
                format!("{} is not what it should be: {error}", path.display()),
            )
        })
    }
}
