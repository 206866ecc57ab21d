//! One id for each request, in its extensions, its response and its error.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use chancery_base::Rng;

use crate::api_error::ApiError;

/// The header that carries the id, in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: what its client sent in `x-request-id` when that matches `^[A-Za-z0-9._:-]{8,128}$`, else a
/// fresh random UUID. A request extension, and an extractor. Clients choose it, so it identifies nothing but log lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request with these headers.
    #[must_use]
    pub fn of(headers: &HeaderMap, rng: &dyn Rng) -> Self {
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|value| is_acceptable(value))
            .map_or_else(|| Self::fresh(rng), |value| Self(value.to_owned()))
    }

    /// A random id in the form of a UUID version 4 (RFC 9562).
    #[must_use]
    pub fn fresh(rng: &dyn Rng) -> Self {
        let mut bytes = [0_u8; 16];
        rng.fill(&mut bytes);
        let bits = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let mut id = String::with_capacity(36);
        for (index, digit) in hex.chars().enumerate() {
            if matches!(index, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            id.push(digit);
        }
        Self(id)
    }
}

fn is_acceptable(value: &str) -> bool {
    (8..=128).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("no request id: the router is not behind Edge"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Rng for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn of(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        RequestId::of(&headers, &Fixed(0xff)).0
    }

    #[test]
    fn a_sound_id_is_kept_and_anything_else_replaced() {
        assert_eq!(of("req-1.2:3_4"), "req-1.2:3_4");
        assert_eq!(of(&"a".repeat(128)), "a".repeat(128));
        for bad in ["short", &"a".repeat(129), "with space", "slash/slash", "ümlaut-ümlaut"] {
            assert_eq!(of(bad), "ffffffff-ffff-4fff-bfff-ffffffffffff", "{bad}");
        }
    }

    #[test]
    fn a_fresh_id_is_a_version_4_uuid() {
        assert_eq!(RequestId::fresh(&Fixed(0)).0, "00000000-0000-4000-8000-000000000000");
        assert!(is_acceptable(&RequestId::fresh(&Fixed(0x5a)).0));
    }
}
