//! Bad input to every route, frame and argument, through the real servers: it gets the code of the specification, changes
//! nothing, and what is good still passes afterwards. Each crate tests its codes one by one; this is about what lies around
//! them: bytes that are no request, bodies that are no JSON, members of every wrong kind.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

mod arguments;
mod bytes;
mod connector;
mod frames;
mod registry;
mod relay;
mod world;
