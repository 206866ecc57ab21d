//! Logs of a command, on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::output::ColorChoice;

/// Sends logs to stderr, filtered by `RUST_LOG` when that is set and sound, else by `default_filter` (such as `warn` or
/// `warn,chancery_relay=info`; when that is unsound too, `warn`). Coloured on terminals only. Calling it again changes
/// nothing.
pub fn init(default_filter: &str) {
    init_coloured(default_filter, ColorChoice::Auto);
}

/// The same, coloured as `choice` says.
pub fn init_coloured(default_filter: &str, choice: ColorChoice) {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter(std::env::var("RUST_LOG").ok().as_deref(), default_filter))
        .with_writer(io::stderr)
        .with_ansi(choice.on_stderr())
        .try_init();
}

fn filter(from_environment: Option<&str>, default: &str) -> EnvFilter {
    from_environment
        .filter(|filter| !filter.trim().is_empty())
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .or_else(|| EnvFilter::try_new(default).ok())
        .unwrap_or_else(|| EnvFilter::new("warn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_default() {
        assert_eq!(filter(Some("debug"), "warn").to_string(), "debug");
        assert_eq!(filter(None, "info").to_string(), "info");
        assert_eq!(filter(Some(" "), "info").to_string(), "info");
    }

    #[test]
    fn an_unsound_filter_falls_back() {
        assert_eq!(filter(Some("a=b=c"), "info").to_string(), "info");
        assert_eq!(filter(None, "a=b=c").to_string(), "warn");
    }

    #[test]
    fn it_can_be_called_twice() {
        init("warn");
        init("debug");
    }
}
