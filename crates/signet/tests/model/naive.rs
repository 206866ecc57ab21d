//! Commands, and a model of what they do: lists, gone through.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

/// A few scopes in the order of the table (signet spec 2.1).
pub const SCOPES: [&str; 5] = ["send", "reply", "add-member", "read-messages", "summarize"];
pub const LABELS: [&str; 3] = ["a", "b", "c"];
pub const MOST: usize = 2;

#[derive(Debug, Clone)]
pub enum Command {
    MakeOperator(usize),
    RenameOperator(usize, usize),
    RemoveOperator(usize),
    MakePolicy(usize, u8, u8),
    UpdatePolicy(usize, Option<u8>, Option<u8>),
    RemovePolicy(usize),
    Issue {
        operator: usize,
        policy: Option<usize>,
        allow: Option<u8>,
        deny: Option<u8>,
        ttl: u64,
    },
    Update {
        credential: usize,
        allow: Option<u8>,
        deny: Option<u8>,
        policy: Option<usize>,
    },
    Revoke(usize),
    Wait(u64),
}

pub fn commands() -> impl Strategy<Value = Vec<Command>> {
    let mask = || 0..32_u8;
    let some = |most: usize| 0..most;
    let command = prop_oneof![
        2 => some(3).prop_map(Command::MakeOperator),
        1 => (some(4), some(3)).prop_map(|(which, label)| Command::RenameOperator(which, label)),
        1 => some(4).prop_map(Command::RemoveOperator),
        2 => (some(3), mask(), mask()).prop_map(|(label, allow, deny)| Command::MakePolicy(label, allow, deny)),
        2 => (some(4), proptest::option::of(mask()), proptest::option::of(mask()))
            .prop_map(|(which, allow, deny)| Command::UpdatePolicy(which, allow, deny)),
        1 => some(4).prop_map(Command::RemovePolicy),
        4 => (some(4), proptest::option::of(some(4)), proptest::option::of(mask()), proptest::option::of(mask()), 1..100_u64)
            .prop_map(|(operator, policy, allow, deny, ttl)| Command::Issue { operator, policy, allow, deny, ttl }),
        3 => (some(6), proptest::option::of(mask()), proptest::option::of(mask()), proptest::option::of(some(4)))
            .prop_map(|(credential, allow, deny, policy)| Command::Update { credential, allow, deny, policy }),
        1 => some(6).prop_map(Command::Revoke),
        1 => (1..60_u64).prop_map(Command::Wait),
    ];
    proptest::collection::vec(command, 1..25)
}

pub type Set = BTreeSet<&'static str>;

pub fn set(mask: u8) -> Set {
    SCOPES
        .iter()
        .enumerate()
        .filter(|(n, _)| mask & (1 << n) != 0)
        .map(|(_, scope)| *scope)
        .collect()
}

pub fn list(set: &Set) -> Value {
    json!(SCOPES.iter().filter(|scope| set.contains(**scope)).collect::<Vec<_>>())
}

pub struct Operator {
    pub id: String,
    pub label: usize,
    pub removed: bool,
}
pub struct Policy {
    pub id: String,
    pub label: usize,
    pub allow: Set,
    pub deny: Set,
    pub removed: bool,
}
pub struct Credential {
    pub id: String,
    pub operator: usize,
    pub policy: Option<usize>,
    pub allow: Set,
    pub deny: Set,
    pub effective: Set,
    pub ends: i64,
    pub ended: Option<&'static str>,
}

#[derive(Default)]
pub struct Model {
    pub now: i64,
    pub operators: Vec<Operator>,
    pub policies: Vec<Policy>,
    pub credentials: Vec<Credential>,
}

impl Model {
    /// What a credential with these lists and this policy allows: what either allows, and neither denies.
    pub fn merged(&self, policy: Option<usize>, allow: &Set, deny: &Set) -> Set {
        let mut allowed = allow.clone();
        let mut denied = deny.clone();
        if let Some(policy) = policy {
            allowed.extend(&self.policies[policy].allow);
            denied.extend(&self.policies[policy].deny);
        }
        allowed.into_iter().filter(|scope| !denied.contains(scope)).collect()
    }

    pub fn active(&self, credential: usize) -> bool {
        self.credentials[credential].ended.is_none() && self.now < self.credentials[credential].ends
    }

    /// A credential is to allow `to`: nothing that it did not, or it ends.
    pub fn change(&mut self, which: usize, to: Set) -> bool {
        let credential = &mut self.credentials[which];
        if to.is_subset(&credential.effective) {
            credential.effective = to;
            return true;
        }
        credential.ended = Some("reauthorization-required");
        false
    }
}
