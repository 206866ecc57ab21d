//! Media types of payloads.

/// Plain JSON; what a payload without a content type is.
pub const JSON: &str = "application/json";
/// Reserved: a payload that is encrypted from end to end.
pub const SEALED: &str = "application/vnd.chancery.sealed+json";
/// Reserved: a payload that stands for bytes kept elsewhere.
pub const BLOB: &str = "application/vnd.chancery.blob+json";
/// Body that an agent's webhook receives from the original's last version.
pub const DELIVERY: &str = "application/vnd.clawdentity.delivery+json";

/// Whether `content_type` is set aside for a later version: until then it is refused, so that nobody can send in its name
/// what no reader treats as such.
#[must_use]
pub fn is_reserved(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    [SEALED, BLOB]
        .iter()
        .any(|reserved| essence.eq_ignore_ascii_case(reserved))
}
