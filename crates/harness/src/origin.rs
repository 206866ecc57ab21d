//! Which web pages may connect.
//!
//! No same-origin rule keeps a page from opening a WebSocket to 127.0.0.1; only the `Origin` header tells that one does (RFC
//! 6455 section 10.2). Harnesses send none.

use axum::http::{HeaderMap, HeaderName, header};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether whoever sent `headers` is no web page, or one of `allowed`.
pub(crate) fn may_connect(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        // a browser that hides the origin is a browser still
        (None, _) => !headers.contains_key(FETCH_SITE),
        (Some(origin), None) => {
            let known = |allowed: &String| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes());
            // a page without an origin says `null`, whichever it is
            origin.as_bytes() != b"null" && allowed.iter().any(known)
        }
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(headers: &[(&'static str, &'static str)], allowed: &[&str]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let allowed: Vec<String> = allowed.iter().map(|&origin| origin.to_owned()).collect();
        may_connect(&map, &allowed)
    }

    #[test]
    fn a_program_sends_no_origin() {
        assert!(may(&[], &[]));
        assert!(may(&[], &["https://app.example"]));
    }

    #[test]
    fn a_page_needs_to_be_named() {
        assert!(!may(&[("origin", "https://app.example")], &[]));
        assert!(may(&[("origin", "https://APP.example")], &["https://app.example"]));
        for other in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.test",
            "https://evil.test",
            "https://app.example/",
            "",
            "null",
        ] {
            assert!(!may(&[("origin", other)], &["https://app.example", "null"]), "{other}");
        }
    }

    #[test]
    fn what_only_browsers_send_is_a_browser() {
        assert!(!may(&[("sec-fetch-site", "cross-site")], &[]));
        let twice = [("origin", "https://app.example"), ("origin", "https://app.example")];
        assert!(!may(&twice, &["https://app.example"]));
    }
}
