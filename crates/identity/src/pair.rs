//! Pair documents: two statements, each signed by one of the two agents, that they trust one another.
//!
//! A relay verifies and stores them and can invent none. A pair made by clients that cannot sign statements is kept as
//! relay-asserted.

use chancery_base::{
    Ulid,
    ed25519::{KeyError, PublicKey, SecretKey, Signature},
    json,
};
use serde::{Deserialize, Serialize};

use crate::did::AgentDid;

/// Value of `type` in a statement.
pub const TYPE: &str = "chancery.pair.v1";

/// One agent's word that it trusts another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement {
    /// Always [`TYPE`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Who states it.
    pub agent_did: AgentDid,
    /// The key it states it with; it must be the key of the agent's identity token.
    pub public_key: PublicKey,
    /// Whom it trusts.
    pub peer_did: AgentDid,
    /// The pairing that this belongs to: the id of its ticket, so that a statement is good for one pairing.
    pub pairing: Ulid,
    /// When it was stated, RFC 3339.
    pub issued_at: String,
}

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// What is stated.
    pub statement: Statement,
    /// Ed25519 over `CHANCERY-PAIR-V1`, a newline, and the statement's canonical JSON (RFC 8785).
    pub sig: Signature,
}

/// Why a pair document is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// `type` is another one.
    #[error("not a pair statement of a known version")]
    Type,
    /// The statement is by another agent or key than expected.
    #[error("the statement is by another agent or key than the identity token names")]
    Signer,
    /// The two statements belong to different pairings, or to agents that do not name one another.
    #[error("the two statements do not belong together")]
    Mismatch,
    /// The signature does not verify.
    #[error("the statement's signature does not verify")]
    Signature,
    /// The statement cannot be written in canonical form.
    #[error("the statement has no canonical form")]
    Canonical,
}

impl From<KeyError> for PairError {
    fn from(_: KeyError) -> Self {
        Self::Signature
    }
}

impl Statement {
    fn signed_bytes(&self) -> Result<String, PairError> {
        let canonical = json::canonical(self).map_err(|_| PairError::Canonical)?;
        Ok(format!("CHANCERY-PAIR-V1\n{canonical}"))
    }

    /// Signs the statement.
    ///
    /// # Errors
    /// [`PairError::Signer`] when `key` is not the key that the statement names; [`PairError::Canonical`].
    pub fn sign(self, key: &SecretKey) -> Result<SignedStatement, PairError> {
        if key.public() != self.public_key {
            return Err(PairError::Signer);
        }
        let sig = key.sign(self.signed_bytes()?.as_bytes());
        Ok(SignedStatement { statement: self, sig })
    }
}

impl SignedStatement {
    /// Checks that `agent` made this statement with `key`, the key of its identity token.
    ///
    /// # Errors
    /// The first rule that fails.
    pub fn verify(&self, agent: &AgentDid, key: &PublicKey) -> Result<(), PairError> {
        let statement = &self.statement;
        if statement.kind != TYPE {
            return Err(PairError::Type);
        }
        if statement.agent_did != *agent || statement.public_key != *key {
            return Err(PairError::Signer);
        }
        key.verify(statement.signed_bytes()?.as_bytes(), &self.sig)?;
        Ok(())
    }
}

/// Both statements of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairDocument {
    /// By who started the pairing.
    pub initiator: SignedStatement,
    /// By who confirmed it.
    pub responder: SignedStatement,
}

impl PairDocument {
    /// Checks both statements with the keys of the two agents' identity tokens, and that they belong together: two
    /// different agents that name one another, in the same pairing.
    ///
    /// # Errors
    /// The first rule that fails.
    pub fn verify(&self, initiator_key: &PublicKey, responder_key: &PublicKey) -> Result<(), PairError> {
        let (a, b) = (&self.initiator.statement, &self.responder.statement);
        self.initiator.verify(&a.agent_did, initiator_key)?;
        self.responder.verify(&b.agent_did, responder_key)?;
        let together = a.pairing == b.pairing && a.peer_did == b.agent_did && b.peer_did == a.agent_did;
        if !together || a.agent_did == b.agent_did {
            return Err(PairError::Mismatch);
        }
        Ok(())
    }
}
