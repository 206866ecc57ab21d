//! What an agent may do, as two small algebras side by side: capabilities of skills, and [scopes of messaging](messaging).
//!
//! A [`Permission`] is a [`Capability`] with what limits it. It [covers](Permission::covers) a [`Request`] or says why not,
//! and it lies [within](Permission::within) another or does not. Nothing here opens a file or resolves a name: whoever
//! enforces opens the file through the grant, resolves the name once, and asks about what was found.

pub mod capability;
pub mod messaging;

pub use capability::{
    AddressClass, Capability, ConstraintProblem, Constraints, Context, Denial, DenialReason, Dimension, Endpoint,
    Executable, ExecutablePattern, ExecutableSet, GrantPath, HostPattern, HostSet, Mismatch, NamePattern, NameSet,
    PathSet, Pattern, Permission, ProblemKind, Request, Resource, ResourceName, ResourcePath, Scheme, Set, ValueError,
    address_class, legacy,
};
