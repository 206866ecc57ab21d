//! How an invite travels: as a slug, alone or in a link (signet spec 10.1 and 10.2).

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, bufread::ZlibDecoder, write::ZlibEncoder};
use url::Url;

use super::ConvosError;

/// The longest slug that is read, in characters: a link, not a file.
pub const MAX_SLUG: usize = 256 * 1024;

/// The largest invite after inflating, in bytes (signet spec 10.2).
pub const MAX_INFLATED: usize = 1024 * 1024;

/// The first byte of compressed bytes; no protobuf message of ours begins with it.
const COMPRESSED: u8 = 0x1f;
/// Marker and length before compressed bytes.
const HEADER: usize = 5;
/// Shorter invites are not compressed.
const WORTH_COMPRESSING: usize = 100;
/// Messengers cut off what is longer without a break.
const SEPARATOR_EVERY: usize = 300;

/// Whose page a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteHost {
    /// Of the production network.
    Production,
    /// Of all others.
    Dev,
}

impl InviteHost {
    /// The link with this slug.
    #[must_use]
    pub fn link(self, slug: &str) -> String {
        let host = match self {
            Self::Production => "popup.convos.org",
            Self::Dev => "dev.convos.org",
        };
        format!("https://{host}/v2?i={slug}")
    }
}

/// The slug in `text`: parameter `i` or `code` of a link, else the last part of its path, else the text itself.
pub(super) fn find(text: &str) -> Result<String, ConvosError> {
    let text = text.trim();
    if text.len() > MAX_SLUG {
        return Err(ConvosError::TooLarge);
    }
    let slug = match Url::parse(text) {
        Err(_) => Some(text.to_owned()),
        Ok(link) => {
            let parameter = |wanted: &str| {
                let mut pairs = link.query_pairs();
                let found = pairs.find(|(name, value)| name == wanted && !value.is_empty());
                found.map(|(_, value)| value.into_owned())
            };
            let last = || {
                let mut segments = link.path_segments()?;
                segments.rfind(|segment| !segment.is_empty()).map(str::to_owned)
            };
            parameter("i").or_else(|| parameter("code")).or_else(last)
        }
    };
    slug.filter(|slug| !slug.is_empty()).ok_or(ConvosError::NoInvite)
}

/// The bytes in a slug.
pub(super) fn decode(slug: &str) -> Result<Vec<u8>, ConvosError> {
    let text = slug.replace('*', "");
    // some put padding there
    let bytes = URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| ConvosError::NoInvite)?;
    match bytes.split_first() {
        Some((&COMPRESSED, rest)) => inflate(rest),
        Some(_) => Ok(bytes),
        None => Err(ConvosError::NoInvite),
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, ConvosError> {
    let (length, compressed) = bytes.split_first_chunk().ok_or(ConvosError::Inflate)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_INFLATED {
        return Err(ConvosError::TooLarge);
    }
    let mut out = Vec::new();
    // one byte more than there should be tells that there is more
    let limit = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
    ZlibDecoder::new(compressed)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_| ConvosError::Inflate)?;
    if out.len() == length {
        Ok(out)
    } else {
        Err(ConvosError::Inflate)
    }
}

/// The slug of `bytes`.
pub(super) fn encode(bytes: &[u8]) -> Result<String, ConvosError> {
    let shorter = if bytes.len() > WORTH_COMPRESSING {
        deflate(bytes)
    } else {
        None
    };
    let text = URL_SAFE_NO_PAD.encode(shorter.as_deref().unwrap_or(bytes));
    if text.len() > MAX_SLUG {
        return Err(ConvosError::TooLarge);
    }
    let mut slug = String::with_capacity(text.len() + text.len() / SEPARATOR_EVERY);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % SEPARATOR_EVERY == 0 {
            slug.push('*');
        }
        slug.push(letter);
    }
    Ok(slug)
}

fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(bytes.len()).ok()?;
    let mut out = vec![COMPRESSED];
    out.extend(length.to_be_bytes());
    let mut encoder = ZlibEncoder::new(out, Compression::default());
    encoder.write_all(bytes).ok()?;
    let out = encoder.finish().ok()?;
    (out.len() < bytes.len() && out.len() > HEADER).then_some(out)
}
