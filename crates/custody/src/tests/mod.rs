//! What only the inside of the crate can test: where each write is stopped.

mod crash;
