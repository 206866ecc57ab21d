//! Skill manifests: parse, canonical form, sign, verify.

mod code;
mod hex;
pub mod json;
mod problem;
mod text;

pub use code::Code;
pub use problem::{Problem, Problems, Severity};
