//! Limits of the wire, each with its reason.

/// Longest frame, bytes. The original closes with 1009 beyond it.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// Longest frame that a connector takes from its relay, bytes. A message that just fits into a frame or body on its way in
/// gets longer on its way out: by ids, the sender's identity token, the identity block, and the quoting of lines like it.
pub const MAX_DELIVER_FRAME_BYTES: usize = MAX_FRAME_BYTES + 256 * 1024;
/// Longest body of an HTTP request, bytes: a frame's worth.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Longest message id, bytes. A ULID has 26; HTTP senders may use longer keys.
pub const MAX_MESSAGE_ID_BYTES: usize = 128;
/// Longest conversation id, bytes. It is stored with every message and names a lane.
pub const MAX_CONVERSATION_BYTES: usize = 256;
/// Longest media type, bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 128;
/// Longest URL in `replyTo`, bytes.
pub const MAX_URL_BYTES: usize = 2048;
/// Longest reason in an acknowledgement or receipt, bytes. Longer ones are cut, and refused where they are signed.
pub const MAX_REASON_BYTES: usize = 280;
