//! HTTP message signatures (RFC 9421), the one profile that the parts of Chancery use among themselves.
//!
//! They stand beside the request proof and cover what it leaves open: the server that is spoken to (`@authority`), the
//! identity token, every `x-claw-*` header, the media type, and the idempotency key, which chooses the message id. One
//! signature, named `claw`, Ed25519, over a fixed choice of components.

use chancery_base::{
    Millis, b64,
    ed25519::{PublicKey, SecretKey, Signature},
};

use crate::proof::MAX_SKEW_SECS;

/// Name of the header that describes the signature.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// Name of the header that holds the signature.
pub const SIGNATURE: &str = "signature";

/// What is signed of a request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Host, with its port when it is not the scheme's, in lower case.
    pub authority: &'a str,
    /// Path and query as sent.
    pub path_and_query: &'a str,
    /// All headers as (lower-case name, value), in any order; those that [`covers`] does not name are not looked at.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Why a signature is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSignatureError {
    /// The headers are not those of this profile, or leave out a component that must be covered.
    #[error("the signature does not cover the method, the authority, the path and every header that it must")]
    Components,
    /// `created` is too far from the verifier's clock.
    #[error("the signature's time is more than 300 seconds away from this server's clock")]
    Skew,
    /// The signature does not verify for any authority of this server.
    #[error("the signature does not verify for this server")]
    Signature,
}

/// Whether a request's header of this lower-case name must be covered when it is there.
#[must_use]
pub fn covers(name: &str) -> bool {
    matches!(name, "authorization" | "content-type" | "idempotency-key") || name.starts_with("x-claw-")
}

impl Request<'_> {
    /// The covered components and their values, in order.
    fn components(&self) -> Vec<(String, String)> {
        let (path, query) = self
            .path_and_query
            .split_once('?')
            .map_or((self.path_and_query, None), |(p, q)| (p, Some(q)));
        let mut out = vec![
            ("@method".to_owned(), self.method.to_owned()),
            ("@authority".to_owned(), self.authority.to_ascii_lowercase()),
            ("@path".to_owned(), path.to_owned()),
            ("@query".to_owned(), format!("?{}", query.unwrap_or_default())),
        ];
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let mut headers: Vec<_> = headers.filter(|(name, _)| covers(name)).collect();
        headers.sort_unstable();
        out.extend(headers);
        out
    }

    /// Whether a covered header occurs twice. RFC 9421 would join the two, and their order would matter; none of ours
    /// does, and a reader that takes the first one must not be shown another first one.
    fn repeats_a_header(&self) -> bool {
        // sorted, so namesakes are neighbours
        self.components()
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
    }

    /// Value of `Signature-Input`'s `claw` member, and the signature base (RFC 9421 section 2.5).
    fn base(&self, created: i64) -> (String, String) {
        let components = self.components();
        let names: Vec<_> = components.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let params = format!(
            "({});created={created};alg=\"ed25519\";tag=\"chancery\"",
            names.join(" ")
        );
        let mut base = String::new();
        for (name, value) in &components {
            base.push_str(&format!("\"{name}\": {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {params}"));
        (params, base)
    }
}

/// Values of `Signature-Input` and `Signature` for `request`.
#[must_use]
pub fn sign(request: &Request<'_>, now: Millis, key: &SecretKey) -> (String, String) {
    let (params, base) = request.base(now.secs());
    let signature = b64::encode_standard(key.sign(base.as_bytes()).to_bytes());
    (format!("claw={params}"), format!("claw=:{signature}:"))
}

/// Checks the two headers against `request` with any of `authorities` in place of its own.
///
/// The covered components are fixed by the profile, so the verifier rebuilds `Signature-Input` from the request and
/// compares: a header that was added, dropped or changed on the way makes another text.
///
/// # Errors
/// The first rule that fails.
pub fn verify(
    request: &Request<'_>,
    input: &str,
    signature: &str,
    authorities: &[String],
    now: Millis,
    key: &PublicKey,
) -> Result<(), HttpSignatureError> {
    use HttpSignatureError::{Components, Signature as Bad, Skew};
    let created = input
        .rsplit_once(");created=")
        .and_then(|(_, rest)| rest.split(';').next())
        .and_then(|digits| digits.parse::<i64>().ok())
        .ok_or(Components)?;
    let (params, _) = request.base(created);
    if input != format!("claw={params}") || request.repeats_a_header() {
        return Err(Components);
    }
    if now.secs().abs_diff(created) > MAX_SKEW_SECS.unsigned_abs() {
        return Err(Skew);
    }
    let encoded = signature
        .strip_prefix("claw=:")
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or(Bad)?;
    let bytes = b64::decode_standard(encoded).map_err(|_| Bad)?;
    let signature = Signature::from_bytes(bytes.try_into().map_err(|_| Bad)?);
    let fits = |authority: &String| {
        let (_, base) = Request {
            authority,
            ..request.clone()
        }
        .base(created);
        key.verify(base.as_bytes(), &signature).is_ok()
    };
    if authorities.iter().any(fits) { Ok(()) } else { Err(Bad) }
}
