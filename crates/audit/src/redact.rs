//! Arguments in a record: a digest of all of them, and a preview without secrets.
//!
//! A preview is for a reader who wants to know what was tried. Members whose names say that they hold a secret are
//! replaced, whatever they hold; so is every occurrence of the secrets that the caller knows, in values and in names;
//! then long texts, lists and trees are cut. A secret that is neither under such a name nor known is **not** recognised,
//! nor is a known one in another spelling (base64, percent signs).

use std::fmt;

use chancery_base::{digest, json};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of one text in a preview: a path or an address is shown whole.
pub const MAX_TEXT_BYTES: usize = 256;
/// Items of one list, and members of one object, in a preview.
pub const MAX_ITEMS: usize = 32;
/// Levels in a preview.
pub const MAX_DEPTH: usize = 6;
/// Bytes of a whole preview in canonical form: a quarter of what a record's detail may be.
pub const MAX_PREVIEW_BYTES: usize = 4096;

/// In the place of a secret.
pub const REDACTED: &str = "[redacted]";
/// In the place of what is too deep or too much.
pub const OMITTED: &str = "[omitted]";

/// A name that contains one of these, letters and digits only and in lower case, holds a secret.
const SECRET_NAMES: [&str; 13] = [
    "token",
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "authorization",
    "cookie",
    "apikey",
    "privatekey",
    "mnemonic",
    "bearer",
    "otp",
];

/// What a record says about arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// `sha256:` and the hash of the canonical JSON in hex; `hmac-sha256:` where the redactor has a key.
    pub digest: String,
    /// The arguments without secrets, cut to [`MAX_PREVIEW_BYTES`].
    pub preview: Value,
}

/// Takes secrets out of JSON.
#[derive(Default)]
pub struct Redactor {
    secrets: Vec<Zeroizing<String>>,
    key: Option<Zeroizing<[u8; 32]>>,
}

impl Redactor {
    /// A redactor that knows no secret but goes by names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, knowing `secrets`: each occurrence of them is replaced. Empty ones are passed over.
    #[must_use]
    pub fn knowing<'s>(mut self, secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let known = secrets.into_iter().filter(|secret| !secret.is_empty());
        self.secrets
            .extend(known.map(|secret| Zeroizing::new(secret.to_owned())));
        // the longer first: one that begins with another must not leave its rest behind
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self
    }

    /// The same with digests under `key`, such as one that a vault derives: who reads the records cannot try guesses of
    /// short arguments against the digest then.
    #[must_use]
    pub fn keyed(mut self, key: Zeroizing<[u8; 32]>) -> Self {
        self.key = Some(key);
        self
    }

    /// What a record says about `arguments`. The digest is over all of them, secrets included.
    #[must_use]
    pub fn arguments(&self, arguments: &Value) -> Arguments {
        Arguments {
            digest: self.digest(arguments),
            preview: self.preview(arguments),
        }
    }

    /// Digest of the canonical JSON of `value`, with its name.
    #[must_use]
    pub fn digest(&self, value: &Value) -> String {
        // a value has string keys only, so it always has a canonical form
        let text = Zeroizing::new(json::canonical(value).unwrap_or_default());
        let Some(key) = &self.key else {
            return format!("sha256:{}", digest::sha256_hex(text.as_bytes()));
        };
        match Hmac::<Sha256>::new_from_slice(key.as_slice()) {
            Ok(mac) => {
                let tag: [u8; 32] = mac.chain_update(text.as_bytes()).finalize().into_bytes().into();
                format!("hmac-sha256:{}", crate::Hash(tag))
            }
            // HMAC takes keys of any length
            Err(_) => OMITTED.to_owned(),
        }
    }

    /// `value` without secrets, cut to [`MAX_PREVIEW_BYTES`].
    #[must_use]
    pub fn preview(&self, value: &Value) -> Value {
        let mut preview = self.shown(value, MAX_DEPTH);
        for depth in (0..MAX_DEPTH).rev() {
            if json::canonical(&preview).is_ok_and(|text| text.len() <= MAX_PREVIEW_BYTES) {
                return preview;
            }
            preview = self.shown(value, depth);
        }
        preview
    }

    /// `text` without the secrets that are known, cut to [`MAX_TEXT_BYTES`]: for subjects and messages.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.secrets {
            shown = shown.replace(secret.as_str(), REDACTED);
        }
        clip(&shown, MAX_TEXT_BYTES)
    }

    fn shown(&self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => {
                let text = number.to_string();
                if self.secrets.iter().any(|secret| text.contains(secret.as_str())) {
                    REDACTED.into()
                } else {
                    value.clone()
                }
            }
            Value::String(text) => self.text(text).into(),
            Value::Array(_) | Value::Object(_) if depth == 0 => OMITTED.into(),
            Value::Array(items) => {
                let mut shown: Vec<_> = items
                    .iter()
                    .take(MAX_ITEMS)
                    .map(|item| self.shown(item, depth - 1))
                    .collect();
                if items.len() > MAX_ITEMS {
                    shown.push(OMITTED.into());
                }
                Value::Array(shown)
            }
            Value::Object(members) => {
                let mut shown = Map::new();
                for (name, member) in members.iter().take(MAX_ITEMS) {
                    let member = if names_secret(name) {
                        REDACTED.into()
                    } else {
                        self.shown(member, depth - 1)
                    };
                    shown.insert(self.text(name), member);
                }
                if members.len() > MAX_ITEMS {
                    shown.insert(OMITTED.into(), Value::Null);
                }
                Value::Object(shown)
            }
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// Whether a member of this name holds a secret, going by its letters and digits: `apiKey`, `API_KEY` and `x-api-key` are
/// the same. Rather too often than too seldom: every name that ends in `key` is one.
#[must_use]
pub fn names_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    plain.ends_with("key")
        || plain.ends_with("keys")
        || plain == "auth"
        || plain == "pin"
        || SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

/// `text`, or as much of its beginning as fits into `max` bytes together with a mark that says how much is missing.
#[must_use]
pub fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mark = format!("…[{} bytes]", text.len());
    let mut end = max.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", text.get(..end).unwrap_or_default())
}
