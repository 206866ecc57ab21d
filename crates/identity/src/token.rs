//! Secret tokens that a server hands out once and keeps only as a hash.

use std::{fmt, marker::PhantomData, str::FromStr};

use chancery_base::{Rng, b64, digest};
use zeroize::Zeroizing;

/// A kind of token: its marker and how many random bytes follow.
pub trait TokenKind {
    /// Text that every token of this kind begins with.
    const MARKER: &'static str;
    /// Random bytes, base64url-encoded after the marker.
    const ENTROPY: usize;
}

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $marker:literal, $entropy:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}

        impl TokenKind for $name {
            const MARKER: &'static str = $marker;
            const ENTROPY: usize = $entropy;
        }
    };
}

kind!(
    /// API key of a person.
    ApiKey, "clw_pat_", 32
);
kind!(
    /// Access token of an agent, 15 minutes.
    AgentAccess, "clw_agt_", 32
);
kind!(
    /// Refresh token of an agent, 30 days.
    AgentRefresh, "clw_rft_", 32
);
kind!(
    /// Secret of an internal service.
    ServiceSecret, "clw_srv_", 32
);
kind!(
    /// Invite code.
    InviteCode, "clw_inv_", 24
);

/// The text is not a token of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of the expected kind")]
pub struct TokenError;

/// A token. Wiped when dropped, and never printed by `Debug` or `Display`; [`Token::expose`] is the only way to its text.
pub struct Token<K> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

/// What a server keeps of a token: enough to find and to recognise it, and not to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Marker and the first 8 characters of the random part; rows are looked up by it.
    pub prefix: String,
    /// SHA-256 of the whole token in lower-case hex.
    pub hash: String,
}

impl<K: TokenKind> Token<K> {
    /// A new token.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        let mut random = Zeroizing::new(vec![0; K::ENTROPY]);
        rng.fill(&mut random);
        let encoded = Zeroizing::new(b64::encode(&*random));
        Self {
            text: Zeroizing::new(format!("{}{}", K::MARKER, *encoded)),
            kind: PhantomData,
        }
    }

    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What to store of it.
    #[must_use]
    pub fn stored(&self) -> StoredToken {
        StoredToken {
            prefix: self.prefix().to_owned(),
            hash: digest::sha256_hex(self.text.as_bytes()),
        }
    }

    /// Marker and the first 8 characters of the random part.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let end = self
            .text
            .char_indices()
            .nth(K::MARKER.len() + 8)
            .map_or(self.text.len(), |(at, _)| at);
        self.text.get(..end).unwrap_or(&self.text)
    }

    /// Whether this is the token that `hash` (lower-case hex SHA-256) was stored for. Constant time.
    #[must_use]
    pub fn matches(&self, hash: &str) -> bool {
        digest::secrets_equal(digest::sha256_hex(self.text.as_bytes()).as_bytes(), hash.as_bytes())
    }
}

impl<K: TokenKind> FromStr for Token<K> {
    type Err = TokenError;

    /// Takes any text of at most 256 bytes that begins with the marker and has something after it; whether it is a real
    /// token only the store can tell.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        match text.strip_prefix(K::MARKER) {
            Some(rest) if !rest.is_empty() && text.len() <= 256 => Ok(Self {
                text: Zeroizing::new(text.to_owned()),
                kind: PhantomData,
            }),
            _ => Err(TokenError),
        }
    }
}

impl<K: TokenKind> Clone for Token<K> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: TokenKind> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", K::MARKER)
    }
}
