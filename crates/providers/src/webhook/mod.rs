//! Delivery by HTTP POST: OpenClaw's hook, or any other webhook.

mod body;
mod deliver;
mod token;

pub use deliver::{Webhook, WebhookConfig, WebhookError};
pub use token::{HookToken, TokenHeader};
