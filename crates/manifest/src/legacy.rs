//! The original's format and signatures (safeclaw spec 2.3 and 4), kept for documents that it made.
//!
//! Its signature covers a nested member only where a top-level member has the same name. [`verdict`] says what a signature
//! is worth; [`Document`] and [`accepts`] do as the original did, for comparison with it, and nothing that decides calls them.

mod canonical;
mod document;
mod verdict;

pub use canonical::{canonical, uncovered};
pub use document::{Document, LoadError};
pub use verdict::{Reason, Verdict, accepts, sign, verdict};
