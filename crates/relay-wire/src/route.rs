//! Paths of both servers. `{..}` marks a parameter as the router writes it.

/// Health of either server.
pub const HEALTH: &str = "/health";

/// Registry: what it is and where its relay is.
pub const METADATA: &str = "/v1/metadata";
/// Registry: signing keys.
pub const KEYS: &str = "/.well-known/claw-keys.json";
/// Registry: revocation list.
pub const CRL: &str = "/v1/crl";
/// Registry: first administrator.
pub const BOOTSTRAP: &str = "/v1/admin/bootstrap";
/// Registry: internal services.
pub const INTERNAL_SERVICES: &str = "/v1/admin/internal-services";
/// Registry: new secret of an internal service.
pub const INTERNAL_SERVICE_ROTATE: &str = "/v1/admin/internal-services/{id}/rotate";
/// Registry: new invite.
pub const INVITES: &str = "/v1/invites";
/// Registry: an invite becomes a person.
pub const INVITE_REDEEM: &str = "/v1/invites/redeem";
/// Registry: challenge before a registration.
pub const AGENT_CHALLENGE: &str = "/v1/agents/challenge";
/// Registry: list and create agents.
pub const AGENTS: &str = "/v1/agents";
/// Registry: revoke an agent.
pub const AGENT: &str = "/v1/agents/{id}";
/// Registry: does the caller own it?
pub const AGENT_OWNERSHIP: &str = "/v1/agents/{id}/ownership";
/// Registry: a new identity token for the same agent.
pub const AGENT_REISSUE: &str = "/v1/agents/{id}/reissue";
/// Registry: end an agent's session.
pub const AGENT_AUTH_REVOKE: &str = "/v1/agents/{id}/auth/revoke";
/// Registry: new session tokens.
pub const AGENT_AUTH_REFRESH: &str = "/v1/agents/auth/refresh";
/// Registry: is this access token good?
pub const AGENT_AUTH_VALIDATE: &str = "/v1/agents/auth/validate";
/// Registry: public facts of an agent.
pub const RESOLVE: &str = "/v1/resolve/{id}";
/// Registry: the calling person.
pub const ME: &str = "/v1/me";
/// Registry: list and create API keys.
pub const API_KEYS: &str = "/v1/me/api-keys";
/// Registry: revoke an API key.
pub const API_KEY: &str = "/v1/me/api-keys/{id}";
/// Registry, services only: who owns an agent?
pub const AGENT_OWNERSHIP_INTERNAL: &str = "/internal/v1/identity/agent-ownership";
/// Registry, services only: the revocation feed (server-sent events).
pub const REVOCATIONS: &str = "/internal/v1/revocations";

/// Relay: begin a pairing.
pub const PAIR_START: &str = "/pair/start";
/// Relay: confirm a pairing.
pub const PAIR_CONFIRM: &str = "/pair/confirm";
/// Relay: state of a pairing.
pub const PAIR_STATUS: &str = "/pair/status";
/// Relay: one half of a pair document.
pub const PAIR_STATEMENT: &str = "/pair/statement";
/// Relay: the caller's pairs (`GET`), and the end of one (`DELETE`, the peer's DID in the query member `agentDid`).
pub const PAIRS: &str = "/pair";
/// Relay: send a message.
pub const HOOKS_AGENT: &str = "/hooks/agent";
/// Relay: the same under the original's later name.
pub const HOOKS_MESSAGE: &str = "/hooks/message";
/// Relay: the connector's WebSocket.
pub const CONNECT: &str = "/v1/relay/connect";
/// Relay: receipts.
pub const RECEIPTS: &str = "/v1/relay/delivery-receipts";

/// Connector: its state.
pub const CONNECTOR_STATUS: &str = "/v1/status";
/// Connector: send a message.
pub const CONNECTOR_OUTBOUND: &str = "/v1/outbound";
/// Connector: messages that could not be delivered.
pub const CONNECTOR_DEAD_LETTER: &str = "/v1/inbound/dead-letter";
/// Connector: try them again.
pub const CONNECTOR_DEAD_LETTER_REPLAY: &str = "/v1/inbound/dead-letter/replay";
/// Connector: forget them.
pub const CONNECTOR_DEAD_LETTER_PURGE: &str = "/v1/inbound/dead-letter/purge";
