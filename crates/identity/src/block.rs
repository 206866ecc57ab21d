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
    let cut: String = printable
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(max)
        .collect();
    let cut = cut.trim_end();
    if cut.is_empty() {
        "unknown".to_owned()
    } else {
        cut.to_owned()
    }
}

/// Whether a reader may see a line break here.
fn breaks(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether nothing, or nothing but space, is seen here.
fn invisible(c: char) -> bool {
    let format = matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    format || c.is_whitespace() || c.is_control()
}

fn neutralise(message: &str) -> Cow<'_, str> {
    let forged = |line: &str| {
        let mut seen = line.chars().filter(|c| !invisible(*c)).map(|c| c.to_ascii_lowercase());
        "[clawdentityidentity".chars().all(|c| seen.next() == Some(c))
    };
    if !message.split(breaks).any(forged) {
        return message.into();
    }
    let mut out = String::with_capacity(message.len() + QUOTE.len());
    for line in message.split_inclusive(breaks) {
        if forged(line) {
            out.push_str(QUOTE);
        }
        out.push_str(line);
    }
    out.into()
}
