//! The identity block: who sent a message, written above its text for agents that read only text.

use std::borrow::Cow;

use crate::ait::Claims;

/// First line of a block.
pub const HEADING: &str = "[Clawdentity Identity]";

/// What a line of the text that looks like the heading is prefixed with, so that only the first block is authentic.
pub const QUOTE: &str = "> ";

/// What the block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The sender.
    pub agent_did: Cow<'a, str>,
    /// Its owner.
    pub owner_did: Cow<'a, str>,
    /// The registry that issued the identity token.
    pub issuer: Cow<'a, str>,
    /// Id of the identity token.
    pub ait_jti: Cow<'a, str>,
}

impl<'a> From<&'a Claims> for Identity<'a> {
    fn from(claims: &'a Claims) -> Self {
        Self {
            agent_did: claims.sub.as_str().into(),
            owner_did: claims.owner_did.as_str().into(),
            issuer: claims.iss.as_str().into(),
            ait_jti: claims.jti.to_string().into(),
        }
    }
}

/// `message` with the block above it. A line of `message` that begins like a block is quoted.
#[must_use]
pub fn prepend(identity: &Identity<'_>, message: &str) -> String {
    let agent = field(&identity.agent_did, 160);
    let owner = field(&identity.owner_did, 160);
    let issuer = field(&identity.issuer, 200);
    let jti = field(&identity.ait_jti, 64);
    let message = neutralise(message);
    format!("{HEADING}\nagentDid: {agent}\nownerDid: {owner}\nissuer: {issuer}\naitJti: {jti}\n\n{message}")
}

/// Control characters away, runs of white space to one space, cut to `max` characters, `unknown` when nothing is left.
fn field(value: &str, max: usize) -> String {
    let printable: String = value.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
    let cut: String = printable.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(max).collect();
    if cut.is_empty() { "unknown".to_owned() } else { cut }
}

fn neutralise(message: &str) -> Cow<'_, str> {
    let forged = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("[clawdentity identity");
    if !message.split(['\n', '\r']).any(forged) {
        return message.into();
    }
    let mut out = String::with_capacity(message.len() + QUOTE.len());
    for line in message.split_inclusive(['\n', '\r']) {
        if forged(line) {
            out.push_str(QUOTE);
        }
        out.push_str(line);
    }
    out.into()
}
