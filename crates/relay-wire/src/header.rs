//! Names of the headers beside those of the request proof. All in lower case, as they travel.

/// Access token of the calling agent.
pub const AGENT_ACCESS: &str = "x-claw-agent-access";
/// Recipient of `POST /hooks/agent`.
pub const RECIPIENT: &str = "x-claw-recipient-agent-did";
/// Conversation that the message belongs to; it names its lane.
pub const CONVERSATION: &str = "x-claw-conversation-id";
/// Where the recipient's connector may post a receipt; becomes `replyTo` of the frame.
pub const RECEIPT_URL: &str = "x-claw-delivery-receipt-url";
/// What a connector can do beyond the first protocol: a list of [`FEATURE_MESSAGES`] and later ones, separated by commas.
/// The relay answers with those that it will use.
pub const FEATURES: &str = "x-claw-connector-features";
/// Id of the message that an HTTP sender chose; repeating a request with it is safe.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Secret of a first administrator.
pub const BOOTSTRAP_SECRET: &str = "x-bootstrap-secret";
/// Id of a calling service.
pub const SERVICE_ID: &str = "x-claw-service-id";
/// Secret of a calling service.
pub const SERVICE_SECRET: &str = "x-claw-service-secret";

/// Signed messages with ids, lanes and attempts, and receipt frames.
pub const FEATURE_MESSAGES: &str = "chancery-msg-v1";

/// Whether the value of [`FEATURES`] names `feature`.
#[must_use]
pub fn offers(value: &str, feature: &str) -> bool {
    value.split(',').any(|item| item.trim() == feature)
}
