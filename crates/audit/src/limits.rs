//! Every limit, with its reason.

/// Bytes of a record's kind: names such as `skill.install`.
pub const MAX_KIND_BYTES: usize = 64;
/// Bytes of a record's actor: room for a DID or a path.
pub const MAX_ACTOR_BYTES: usize = 512;
/// Bytes of a record's subject: room for a long path or address.
pub const MAX_SUBJECT_BYTES: usize = 4096;
/// Bytes of a record's detail in canonical form: four [previews](crate::redact), so that one record stays one page or two.
pub const MAX_DETAIL_BYTES: usize = 16 * 1024;
/// Levels that a record's detail nests: what every JSON reader takes, with room to spare.
pub const MAX_DETAIL_DEPTH: usize = 32;
/// Records that one [read](crate::read) returns.
pub const MAX_READ: usize = 1000;
/// Bytes of one line of an export: above what a record can be, so that reading one stays bounded.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Heads of other chains in one checkpoint: more databases than one office has.
pub const MAX_OTHERS: usize = 64;
/// Records between two checkpoints: few enough that little is unsigned, and signing is lost among the commits.
pub const CHECKPOINT_EVERY: u64 = 256;
/// Largest whole number that JSON readers agree on (RFC 7493 section 2.2), and so the largest in a record.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
