//! Skills: what is installed, whom the owner trusts, what was granted, and whether a skill may do what it asks for.
//!
//! [`Skills`] is the engine: a directory with a database and a content store, or the same in memory. On it stand the names
//! of the seed: [`SkillLoader`], [`SkillInstaller`], [`CapabilityRegistry`], [`CapabilityEnforcer`], and beside them the
//! [`FileBroker`], which opens what was granted instead of judging its name.
//!
//! What is believed:
//!
//! * A manifest, when enough keys signed all of it, and the owner trusts those keys with its id. An id stays with its keys
//!   until one of them hands over ([`InstallOptions::rotation`]); a version never goes back, and never has two contents.
//! * A row of the database, when the owner's key signed it ([`Owner`]). A process of the same user that does not hold the
//!   key can take away, and cannot give; what it can do besides is said there.
//! * A path, by the file that opens beneath the granted directory; a host, by scheme, name and port; a program, by its
//!   bytes.
//!
//! No table is read when a skill is checked: what is in force is in memory, and read again when any process has changed it.

mod broker;
mod contents;
mod enforcer;
mod engine;
mod error;
mod evaluate;
mod executable;
mod fault;
mod grants;
mod install;
mod owner;
mod package;
mod registry;
mod revocation;
mod store;
mod system;
mod trust;
mod watch;

pub use broker::{
    BrokerError, Directory, DirectoryEntry, EntryKind, FileBroker, MAX_ENTRIES, Opened, Program, RootRecord, Write,
    Writing,
};
pub use chancery_manifest::{generate_signing_key_pair, sign_manifest, verify_manifest_signature};
pub use contents::ContentError;
pub use enforcer::CapabilityEnforcer;
pub use engine::{Settings, Skills};
pub use error::SkillsError;
pub use evaluate::{Evaluation, Example, Use};
pub use executable::SEARCH_PATH;
pub use fault::Faults;
pub use grants::{GrantRequest, GrantStatus, GrantsOf, Terms};
pub use install::{
    Approval, ApproveAll, ApproveNone, Approver, Ask, InstallError, InstallOptions, Installed, Newness, Plan,
    SkillInstaller, Warning,
};
pub use owner::{Owner, OwnerError};
pub use package::{LoadError, MAX_FILE, MAX_FILES, Package, SkillLoader};
pub use registry::{CapabilityRegistry, LoadedSkill, SkillStanding, SkillStatus};
pub use store::model::{AcceptedList, Grant, GrantedBy, Pin, Publisher, Revocation, Revoked, Scheme, Skill};
pub use trust::TrustRequest;
