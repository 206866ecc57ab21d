//! Limits of the wire, each with its reason.

/// Longest frame of the harness WebSocket, bytes; a longer one closes the connection (as the original's default).
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// Longest line of the admin socket and longest HTTP body, bytes: a frame's worth.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Longest label, characters. It is stored with what it names, shown in tables, and may become a profile's name.
pub const MAX_LABEL_CHARS: usize = 128;
/// Longest reference, characters. Network ids have 64; a query for a search has to fit as well.
pub const MAX_REFERENCE_CHARS: usize = 256;
/// Longest text of a message, characters. With four bytes each and every one escaped it still fits into a frame.
pub const MAX_TEXT_CHARS: usize = 64 * 1024;
/// Longest key by which a send is told from another, characters. It is remembered for a day.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 128;
/// Longest id of a request, bytes. It comes back in the answer.
pub const MAX_REQUEST_ID_BYTES: usize = 128;
/// Longest bearer token, bytes: an admin's is a JWT of some hundred.
pub const MAX_TOKEN_BYTES: usize = 4096;
/// Most entries of a list in an input: chats of a credential, members of a new group, providers that are disclosed. There
/// are 30 scopes, and a group of XMTP has 250 members.
pub const MAX_LIST_ITEMS: usize = 256;
/// Longest reason in a refusal, characters. What it quotes is the caller's own, and may be long.
pub const MAX_REASON_CHARS: usize = 300;
/// Longest name of an MCP tool that every client takes, bytes.
pub const MAX_TOOL_NAME_BYTES: usize = 64;
