//! Who calls over HTTP, by the one bearer token of the request.

use axum::http::{header, request::Parts};
use chancery_serve::{ClientAddr, Peer};
use chancery_signet::{AuthRefused, Principal};
use chancery_signet_wire::{BearerToken, Class, Failure, limits};

use crate::{admin::Admin, caller::Proof, locked, settings::AUTH_PAUSE};

/// The admin that calls.
///
/// # Errors
/// `auth`.
pub(super) async fn admin(admin: &Admin, parts: &Parts) -> Result<Proof, Failure> {
    let checked = async {
        let token = bearer(parts)?;
        admin.check_token(&token).await?;
        Ok(Proof::Token(token))
    };
    slowed(admin, parts, checked.await).await
}

/// The credential that calls.
///
/// # Errors
/// `auth`.
pub(super) async fn credential(admin: &Admin, parts: &Parts) -> Result<Principal, Failure> {
    let checked = async {
        let token = bearer(parts)?;
        let open = admin.open().map_err(locked::refusal)?;
        let uid = parts.extensions.get().and_then(Peer::uid);
        match open.signet.recognise(&token, uid).await {
            Ok(id) => Ok(Principal::Credential(id)),
            Err(AuthRefused::Failed) => Err(Failure::new(Class::Internal, "The signet cannot answer")),
            Err(_) => Err(Failure::new(Class::Auth, "The token is of no credential in force")),
        }
    };
    slowed(admin, parts, checked.await).await
}

/// The one token of the request.
fn bearer(parts: &Parts) -> Result<BearerToken, Failure> {
    let refused = |text| Failure::new(Class::Auth, text);
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else {
        return Err(refused("Missing authorization token"));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && token.len() <= limits::MAX_TOKEN_BYTES);
    match (token, given.next()) {
        (Some(token), None) => Ok(BearerToken::new(token.to_owned())),
        _ => Err(refused("Expected one bearer token")),
    }
}

/// Holds up the answer to an address that has shown too many tokens that were none. Right ones are never held up: whoever
/// guesses keeps nobody out.
async fn slowed<T>(admin: &Admin, parts: &Parts, checked: Result<T, Failure>) -> Result<T, Failure> {
    if matches!(&checked, Err(failure) if failure.class == Class::Auth) {
        let address = parts.extensions.get::<ClientAddr>();
        let key = address.map_or_else(String::new, |address| address.network().to_string());
        if admin.failures().check(&key, admin.now()).is_err() {
            tracing::warn!(address = key, "too many tokens that are none");
            tokio::time::sleep(AUTH_PAUSE).await;
        }
    }
    checked
}
