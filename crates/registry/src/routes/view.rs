//! Rows as the wire shows them.

use chancery_base::Millis;
use chancery_identity::token::{ApiKey as ApiKeyKind, Token};
use chancery_relay_wire::registry as wire;

use crate::store::model::{Agent, ApiKey, Human};

pub(super) fn human(human: &Human) -> wire::Human {
    wire::Human {
        id: human.did.ulid(),
        did: human.did.clone(),
        display_name: human.display_name.clone(),
        role: human.role,
        status: human.status,
    }
}

pub(super) fn new_key(key: &ApiKey, token: &Token<ApiKeyKind>) -> wire::NewApiKey {
    wire::NewApiKey {
        id: key.id,
        name: key.name.as_str().to_owned(),
        token: token.expose().to_owned(),
    }
}

/// `token` only in the answer to the key's creation.
pub(super) fn api_key(key: &ApiKey, token: Option<&Token<ApiKeyKind>>) -> wire::ApiKey {
    wire::ApiKey {
        id: key.id,
        name: key.name.as_str().to_owned(),
        status: key.status,
        created_at: key.created_at.to_rfc3339(),
        last_used_at: key.last_used_at.map(Millis::to_rfc3339),
        token: token.map(|token| token.expose().to_owned()),
    }
}

pub(super) fn agent(agent: &Agent) -> wire::Agent {
    wire::Agent {
        id: agent.did.ulid(),
        did: agent.did.clone(),
        owner_did: agent.owner.clone(),
        name: agent.name.clone(),
        framework: agent.framework.clone(),
        public_key: agent.public_key,
        current_jti: agent.current_jti,
        ttl_days: agent.ttl_days,
        status: agent.status,
        expires_at: agent.expires_at.to_rfc3339(),
        created_at: agent.created_at.to_rfc3339(),
        updated_at: agent.updated_at.to_rfc3339(),
    }
}
