//! Limits of a connector that variables change. Each is documented where it is used.

use std::time::Duration;

use chancery_connector::ConnectorConfig;

use crate::{
    code::Code,
    env::Env,
    error::{CliError, Result},
};

/// `config` with what the environment says instead.
///
/// # Errors
/// [`Code::ConnectorInvalidInput`] when a variable is not a positive integer.
pub(super) fn apply(mut config: ConnectorConfig, env: &Env) -> Result<ConnectorConfig> {
    let number = |name: &str| {
        let parse = |text: &str| match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(CliError::new(
                Code::ConnectorInvalidInput,
                format!("{name} must be a positive integer, not {text:?}"),
            )),
        };
        env.get(name).map(parse).transpose()
    };
    if let Some(ms) = number("CONNECTOR_INBOUND_MAX_AGE_MS")? {
        config.timing.inbound_max_age = Duration::from_millis(ms);
    }
    if let Some(ms) = number("CONNECTOR_OUTBOUND_MAX_AGE_MS")? {
        config.timing.outbound_max_age = Duration::from_millis(ms);
    }
    if let Some(messages) = number("CONNECTOR_INBOUND_INBOX_MAX_MESSAGES")? {
        config.limits.inbox_messages = messages;
    }
    if let Some(bytes) = number("CONNECTOR_INBOUND_INBOX_MAX_BYTES")? {
        config.limits.inbox_bytes = bytes;
    }
    if let Some(ms) = number("CONNECTOR_INBOUND_RETRY_INITIAL_DELAY_MS")? {
        config.timing.retry_min = Duration::from_millis(ms);
    }
    if let Some(ms) = number("CONNECTOR_INBOUND_RETRY_MAX_DELAY_MS")? {
        config.timing.retry_max = Duration::from_millis(ms);
    }
    Ok(config)
}
