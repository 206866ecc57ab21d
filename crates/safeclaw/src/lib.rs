//! The `safeclaw` command.
