//! Random commands beside a naive model, with the signet ended and begun again after each.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

#[path = "../common/mod.rs"]
mod common;
mod naive;

use std::time::Duration;

use chancery_signet::settings::CredentialSettings;
use common::{Desk, START, text};
use naive::{Command, Credential, LABELS, MOST, Model, Operator, Policy, Set, commands, list, set};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The signet and the model side by side.
struct Pair {
    desk: Desk,
    model: Model,
    chat: String,
}

impl Pair {
    async fn new() -> Self {
        let settings = CredentialSettings {
            max_concurrent: u32::try_from(MOST).unwrap(),
            ..CredentialSettings::default()
        };
        let desk = Desk::with(settings).await;
        desk.done("inbox.create", json!({"label": "owner"})).await;
        let room = json!({"memberInboxIds": [], "name": "Room", "creatorIdentityLabel": "owner"});
        let chat = text(&desk.done("chat.create", room).await["chatId"]);
        Self {
            desk,
            model: Model {
                now: START,
                ..Model::default()
            },
            chat,
        }
    }

    /// Does it on both, which agree on whether it can be done.
    async fn run(&mut self, command: &Command) {
        match command {
            Command::MakeOperator(label) => {
                let input = json!({"label": LABELS[*label], "role": "operator", "scopeMode": "shared"});
                let made = self.desk.owner("operator.create", input).await;
                let free = !self.model.operators.iter().any(|o| !o.removed && o.label == *label);
                assert_eq!(made.is_ok(), free);
                if let Ok(made) = made {
                    self.model.operators.push(Operator {
                        id: text(&made["id"]),
                        label: *label,
                        removed: false,
                    });
                }
            }
            Command::RenameOperator(which, label) => {
                let Some(id) = self.model.operators.get(*which).map(|o| o.id.clone()) else {
                    return;
                };
                let input = json!({"operatorId": id, "changes": {"label": LABELS[*label]}});
                let renamed = self.desk.owner("operator.update", input).await.is_ok();
                let others = |(n, o): (usize, &Operator)| n != *which && !o.removed && o.label == *label;
                let free = !self.model.operators.iter().enumerate().any(others);
                let operator = &mut self.model.operators[*which];
                assert_eq!(renamed, free && !operator.removed);
                if renamed {
                    operator.label = *label;
                }
            }
            Command::RemoveOperator(which) => {
                let Some(id) = self.model.operators.get(*which).map(|o| o.id.clone()) else {
                    return;
                };
                let removed = self
                    .desk
                    .owner("operator.remove", json!({"operatorId": id}))
                    .await
                    .is_ok();
                assert_eq!(removed, !self.model.operators[*which].removed);
                self.model.operators[*which].removed = true;
                for n in 0..self.model.credentials.len() {
                    if self.model.credentials[n].operator == *which && self.model.active(n) {
                        self.model.credentials[n].ended = Some("owner-initiated");
                    }
                }
            }
            Command::MakePolicy(label, allow, deny) => {
                let (allow, deny) = (set(*allow), set(*deny));
                let input = json!({"label": LABELS[*label], "allow": list(&allow), "deny": list(&deny)});
                let made = self.desk.owner("policy.create", input).await;
                let free = !self.model.policies.iter().any(|p| !p.removed && p.label == *label);
                assert_eq!(made.is_ok(), free);
                if let Ok(made) = made {
                    let id = text(&made["id"]);
                    self.model.policies.push(Policy {
                        id,
                        label: *label,
                        allow,
                        deny,
                        removed: false,
                    });
                }
            }
            Command::UpdatePolicy(which, allow, deny) => self.update_policy(*which, *allow, *deny).await,
            Command::RemovePolicy(which) => {
                let Some(id) = self.model.policies.get(*which).map(|p| p.id.clone()) else {
                    return;
                };
                let removed = self.desk.owner("policy.remove", json!({"policyId": id})).await.is_ok();
                assert_eq!(removed, !self.model.policies[*which].removed);
                self.model.policies[*which].removed = true;
            }
            Command::Issue {
                operator,
                policy,
                allow,
                deny,
                ttl,
            } => {
                self.issue((*operator, *policy), (*allow, *deny), *ttl).await;
            }
            Command::Update {
                credential,
                allow,
                deny,
                policy,
            } => {
                self.update(*credential, (*allow, *deny), *policy).await;
            }
            Command::Revoke(which) => {
                let Some(id) = self.model.credentials.get(*which).map(|c| c.id.clone()) else {
                    return;
                };
                self.desk.done("credential.revoke", json!({"credentialId": id})).await;
                if self.model.active(*which) {
                    self.model.credentials[*which].ended = Some("owner-initiated");
                }
            }
            Command::Wait(seconds) => {
                self.desk.clock.advance(Duration::from_secs(*seconds));
                self.model.now += i64::try_from(*seconds).unwrap() * 1000;
            }
        }
    }

    async fn update_policy(&mut self, which: usize, allow: Option<u8>, deny: Option<u8>) {
        let Some(policy) = self.model.policies.get_mut(which) else {
            return;
        };
        let mut changes = json!({});
        if let Some(allow) = allow {
            changes["allow"] = list(&set(allow));
        }
        if let Some(deny) = deny {
            changes["deny"] = list(&set(deny));
        }
        let input = json!({"policyId": policy.id, "changes": changes});
        let updated = self.desk.owner("policy.update", input).await.is_ok();
        assert_eq!(updated, !policy.removed);
        if !updated {
            return;
        }
        policy.allow = allow.map_or(policy.allow.clone(), set);
        policy.deny = deny.map_or(policy.deny.clone(), set);
        for n in 0..self.model.credentials.len() {
            if self.model.active(n) && self.model.credentials[n].policy == Some(which) {
                let credential = &self.model.credentials[n];
                let to = self.model.merged(Some(which), &credential.allow, &credential.deny);
                self.model.change(n, to);
            }
        }
    }

    async fn issue(
        &mut self,
        (operator, policy): (usize, Option<usize>),
        (allow, deny): (Option<u8>, Option<u8>),
        ttl: u64,
    ) {
        let Some(owner) = self.model.operators.get(operator) else {
            return;
        };
        let mut input = json!({"operatorId": owner.id, "chatIds": [self.chat], "ttlSeconds": ttl});
        let mut possible = !owner.removed;
        if let Some(allow) = allow {
            input["allow"] = list(&set(allow));
        }
        if let Some(deny) = deny {
            input["deny"] = list(&set(deny));
        }
        if let Some(policy) = policy {
            let Some(policy) = self.model.policies.get(policy) else {
                return;
            };
            input["policyId"] = json!(policy.id);
            possible &= !policy.removed;
        }
        let issued = self.desk.owner("credential.issue", input).await;
        assert_eq!(issued.is_ok(), possible, "{issued:?}");
        let Ok(issued) = issued else { return };
        let of: Vec<usize> = (0..self.model.credentials.len())
            .filter(|n| self.model.credentials[*n].operator == operator && self.model.active(*n))
            .collect();
        if of.len() >= MOST {
            self.model.credentials[of[0]].ended = Some("policy-violation");
        }
        let (allow, deny) = (allow.map_or_else(Set::new, set), deny.map_or_else(Set::new, set));
        let effective = self.model.merged(policy, &allow, &deny);
        self.model.credentials.push(Credential {
            id: text(&issued["credential"]["id"]),
            operator,
            policy,
            allow,
            deny,
            effective,
            ends: self.model.now + i64::try_from(ttl).unwrap() * 1000,
            ended: None,
        });
    }

    async fn update(&mut self, which: usize, (allow, deny): (Option<u8>, Option<u8>), policy: Option<usize>) {
        let Some(credential) = self.model.credentials.get(which) else {
            return;
        };
        let mut input = json!({"credentialId": credential.id, "scopes": {}});
        if let Some(allow) = allow {
            input["scopes"]["allow"] = list(&set(allow));
        }
        if let Some(deny) = deny {
            input["scopes"]["deny"] = list(&set(deny));
        }
        let mut possible = self.model.active(which);
        if let Some(policy) = policy {
            let Some(policy) = self.model.policies.get(policy) else {
                return;
            };
            input["policyId"] = json!(policy.id);
            possible &= !policy.removed;
        }
        let updated = self.desk.owner("credential.updateScopes", input).await;
        assert_eq!(updated.is_ok(), possible, "{updated:?}");
        let Ok(updated) = updated else { return };
        let own_allow = allow.map_or(credential.allow.clone(), set);
        let own_deny = deny.map_or(credential.deny.clone(), set);
        let policy = policy.or(credential.policy);
        let to = self.model.merged(policy, &own_allow, &own_deny);
        let material = to != credential.effective;
        let kept = self.model.change(which, to);
        assert_eq!(
            (updated["updated"].clone(), updated["material"].clone()),
            (json!(kept), json!(material))
        );
        if kept {
            let credential = &mut self.model.credentials[which];
            (credential.allow, credential.deny, credential.policy) = (own_allow, own_deny, policy);
        }
    }

    /// That both say the same of everything.
    async fn agree(&self) {
        let labels = |answer: &Value| -> Vec<(String, String)> {
            let one = |one: &Value| (text(&one["id"]), text(&one["config"]["label"]));
            answer.as_array().unwrap().iter().map(one).collect()
        };
        let operators = labels(&self.desk.done("operator.list", json!({})).await);
        let there = self.model.operators.iter().filter(|o| !o.removed);
        assert_eq!(
            operators,
            there
                .map(|o| (o.id.clone(), LABELS[o.label].to_owned()))
                .collect::<Vec<_>>()
        );
        let policies = labels(&self.desk.done("policy.list", json!({})).await);
        let there = self.model.policies.iter().filter(|p| !p.removed);
        assert_eq!(
            policies,
            there
                .map(|p| (p.id.clone(), LABELS[p.label].to_owned()))
                .collect::<Vec<_>>()
        );
        for (n, credential) in self.model.credentials.iter().enumerate() {
            let shown = self
                .desk
                .done("credential.lookup", json!({"credentialId": credential.id}))
                .await;
            let status = match credential.ended {
                Some(_) => "revoked",
                None if self.model.active(n) => "active",
                None => "expired",
            };
            assert_eq!(shown["status"], status);
            assert_eq!(
                shown.get("revocationReason").cloned(),
                credential.ended.map(|reason| json!(reason))
            );
            assert_eq!(shown["effectiveScopes"]["allow"], list(&credential.effective));
        }
        assert_eq!(self.desk.done("admin.logs-verify", json!({})).await["ok"], true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_signet_does_what_the_model_does_however_often_it_begins_again(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for command in &commands {
                pair.run(command).await;
                pair.desk.crash().await;
                pair.agree().await;
            }
        });
    }
}
