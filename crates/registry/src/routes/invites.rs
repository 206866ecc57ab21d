//! Invites: an administrator makes one, and whoever has its code becomes a person.

use axum::{Json, body::Bytes, extract::State, http::StatusCode};
use chancery_base::{Millis, digest};
use chancery_identity::{
    name::DisplayName,
    token::{InviteCode, Token},
};
use chancery_relay_wire::registry::{Invite as InviteBody, InviteCreateResponse, RedeemResponse, Role};
use chancery_serve::ApiError;

use super::{
    body::{Fields, parse},
    view,
};
use crate::{
    auth::Person,
    engine::Shared,
    error::Refusal,
    store::{
        commands::{CreateInvite, Redeem, RedeemRefusal},
        model::Invite,
    },
};

/// Longest code, characters.
const MAX_CODE_CHARS: usize = 128;

/// `POST /v1/invites`.
pub(super) async fn create(
    State(registry): State<Shared>,
    person: Person,
    body: Bytes,
) -> Result<(StatusCode, Json<InviteCreateResponse>), ApiError> {
    person.require_admin(Refusal::InviteCreateForbidden)?;
    let now = registry.now();
    let mut fields = Fields::of_json(&body);
    let expires_at = fields.optional("expiresAt", |text| match Millis::parse_rfc3339(text) {
        None => Err("must be an ISO 8601 time"),
        Some(at) if at <= now => Err("must be in the future"),
        Some(at) => Ok(at),
    });
    fields
        .check()
        .map_err(|problems| registry.invalid(Refusal::InviteCreateInvalid, problems))?;
    let code = Token::<InviteCode>::generate(&registry.rng);
    let invite = Invite {
        id: registry.ulid(now),
        code_hash: code.stored().hash,
        created_by: person.human.did.ulid(),
        redeemed_by: None,
        expires_at,
        created_at: now,
    };
    let response = InviteCreateResponse {
        invite: InviteBody {
            id: invite.id,
            code: code.expose().to_owned(),
            created_by: Some(invite.created_by),
            expires_at: invite.expires_at.map(Millis::to_rfc3339),
            created_at: invite.created_at.to_rfc3339(),
        },
    };
    registry.apply(CreateInvite { invite }).await?;
    Ok((StatusCode::CREATED, Json(response)))
}

/// `POST /v1/invites/redeem`.
pub(super) async fn redeem(
    State(registry): State<Shared>,
    body: Bytes,
) -> Result<(StatusCode, Json<RedeemResponse>), ApiError> {
    let mut fields = Fields::of_json(&body);
    let code_hash = fields.required("code", |text| match text.trim() {
        "" => Err("must not be empty"),
        code if code.chars().count() > MAX_CODE_CHARS => Err("must have at most 128 characters"),
        code => Ok(digest::sha256_hex(code)),
    });
    let display_name = fields.optional("displayName", parse::<DisplayName>);
    let key_name = fields.optional("apiKeyName", parse::<DisplayName>);
    let checked = fields.check();
    let (Ok(()), Some(code_hash)) = (&checked, code_hash) else {
        return Err(registry.invalid(Refusal::InviteRedeemInvalid, checked.err().unwrap_or_default()));
    };

    let now = registry.now();
    let display_name = display_name.map_or_else(|| registry.default_name("User"), Ok)?;
    let key_name = key_name.map_or_else(|| registry.default_name("invite"), Ok)?;
    let human = registry.new_human(registry.ulid(now), display_name, Role::User, now);
    let (token, key) = registry.new_key(human.did.ulid(), key_name, now);
    let response = RedeemResponse {
        human: view::human(&human),
        api_key: view::new_key(&key, &token),
        proxy_url: registry.config.proxy_url.as_str().to_owned(),
    };
    let step = Redeem {
        code_hash,
        human,
        key,
        now,
    };
    registry
        .run(step, |why| match why {
            RedeemRefusal::Unknown => Refusal::InviteRedeemCodeInvalid,
            RedeemRefusal::AlreadyUsed => Refusal::InviteRedeemAlreadyUsed,
            RedeemRefusal::Expired => Refusal::InviteRedeemExpired,
        })
        .await?;
    Ok((StatusCode::CREATED, Json(response)))
}
