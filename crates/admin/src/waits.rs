//! Which calls of an admin wait for the owner, and what the owner is asked (docs/signet.md, "What waits for the owner").
//!
//! The question says what will be done, not only how it was asked for: names are resolved, and a held action is in it word for
//! word. It is made anew when the answer comes, and has to be the same to the letter: what changed meanwhile was not approved.

use chancery_base::digest;
use chancery_keys::{Operation, What};
use chancery_policy::messaging::{Scope, ScopeCategory, ScopeSet, Scopes};
use chancery_signet_wire::{
    Class, Failure, PolicyId, Reference,
    action::{
        Call,
        input::{
            ByAction, ByCredential, ByOperator, ByPolicy, CredentialIssue, CredentialUpdateScopes, PolicyUpdate,
            RevealApprove, RevealList, RevealRequest,
        },
    },
    record::{
        credential::CredentialView,
        held::{PendingAction, Reveals},
        operator::{OperatorRecord, Role},
        policy::PolicyRecord,
    },
};
use serde_json::{Value, json};

use crate::{
    admin::Admin,
    caller::{Proof, needs_token},
};

/// Characters of a held action that the owner is shown when it is longer than a question may be.
const SHOWN_CHARS: usize = 4000;

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It may be done as it is.
    Free(Call),
    /// The owner has to be asked this, and then it may.
    Waits(What, Call),
}

/// A reference to what has the id `id`.
fn reference(id: &impl ToString) -> Result<Reference, Failure> {
    let named = id.to_string().parse();
    named.map_err(|_| Failure::new(Class::Internal, "an id of our own is no reference"))
}

/// What `call` is to the owner: its action with its parameters.
fn what(operation: Operation, call: &Call) -> Result<What, Failure> {
    let parameters = call
        .params()
        .map_err(|error| Failure::new(Class::Internal, error.to_string()))?;
    Ok(What::new(operation, call.id(), Value::Object(parameters)))
}

/// `call`, which waits as `operation`.
fn waits(operation: Operation, call: Call) -> Result<Judged, Failure> {
    Ok(Judged::Waits(what(operation, &call)?, call))
}

impl Admin {
    /// Whether `call` of whoever shows `proof` waits for the owner.
    ///
    /// # Errors
    /// `auth` when the proof is none; those of looking at what the call is about.
    pub(crate) async fn judge(&self, proof: &Proof, call: Call) -> Result<Judged, Failure> {
        if self.open().is_err() {
            // nothing that is done then waits
            return Ok(Judged::Free(call));
        }
        match (proof, call) {
            (Proof::Kernel, call @ Call::AdminToken(_)) => Ok(Judged::Free(call)),
            // a token that could make the next one would never end
            (_, call @ Call::AdminToken(_)) => waits(Operation::AdminTokenCreation, call),
            (Proof::None, _) => Err(needs_token()),
            (Proof::Kernel | Proof::Token(_), call) => self.judge_admin(call).await,
        }
    }

    async fn judge_admin(&self, call: Call) -> Result<Judged, Failure> {
        let gates = self.settings().gates;
        match call {
            Call::ActionApprove(input) => self.judge_action(input).await,
            Call::RevealApprove(input) => self.judge_reveal(input).await,
            // an admin that asks for a reveal is granted it
            Call::RevealRequest(input) => self.judge_reveal_request(input).await,
            Call::OperatorCreate(input) if input.role == Role::Superadmin => {
                waits(Operation::SuperadminCreation, Call::OperatorCreate(input))
            }
            Call::OperatorCreate(_) if gates.holds(Operation::AgentCreation) => waits(Operation::AgentCreation, call),
            Call::OperatorUpdate(mut input) if input.changes.role == Some(Role::Superadmin) => {
                let operator_id = input.operator_id.clone();
                let operator: OperatorRecord = self.look(Call::OperatorInfo(ByOperator { operator_id })).await?;
                input.operator_id = reference(&operator.id)?;
                let call = Call::OperatorUpdate(input);
                let mut what = what(Operation::SuperadminCreation, &call)?;
                add(&mut what, "operator", json!(operator.config.label));
                Ok(Judged::Waits(what, call))
            }
            Call::KeysRotate(_) if gates.holds(Operation::OperationalKeyRotation) => {
                waits(Operation::OperationalKeyRotation, call)
            }
            Call::CredentialIssue(input) if self.gates_scopes() => self.judge_issue(input).await,
            Call::CredentialUpdateScopes(input) if self.gates_scopes() => self.judge_scopes(input).await,
            Call::PolicyUpdate(input) if self.gates_scopes() => self.judge_policy(input).await,
            call => Ok(Judged::Free(call)),
        }
    }

    /// Whether more scopes wait at all.
    fn gates_scopes(&self) -> bool {
        let gates = self.settings().gates;
        gates.holds(Operation::ScopeExpansion) || gates.holds(Operation::EgressExpansion)
    }

    /// As what `gained` waits, if it does: egress first, for it is the closer word.
    fn expansion(&self, gained: Scopes) -> Option<Operation> {
        let egress: Scopes = gained.iter().filter(is_egress).collect();
        let gates = self.settings().gates;
        if !egress.is_empty() && gates.holds(Operation::EgressExpansion) {
            Some(Operation::EgressExpansion)
        } else if !gained.is_empty() && gates.holds(Operation::ScopeExpansion) {
            Some(Operation::ScopeExpansion)
        } else {
            None
        }
    }

    async fn judge_action(&self, input: ByAction) -> Result<Judged, Failure> {
        let action_id = input.action_id;
        let action: PendingAction = self.look(Call::ActionShow(ByAction { action_id })).await?;
        let call = Call::ActionApprove(input);
        let payload: Value = serde_json::from_str(action.payload.get()).unwrap_or(Value::Null);
        let asked = |payload: Value| {
            let mut what = what(Operation::ActionApproval, &call)?;
            what.credential = Some(action.credential_id.to_string());
            add(&mut what, "actionType", json!(action.action_type));
            add(&mut what, "payload", payload);
            add(&mut what, "expiresAt", json!(action.expires_at));
            if let Some(digest) = &action.digest {
                add(&mut what, "digest", json!(digest));
            }
            Ok::<_, Failure>(what)
        };
        let mut what = asked(payload)?;
        if what.check().is_err() {
            let text = action.payload.get();
            what = asked(json!({
                "begins": text.chars().take(SHOWN_CHARS).collect::<String>(),
                "bytes": text.len(),
                "sha256": digest::sha256_hex(text),
            }))?;
        }
        Ok(Judged::Waits(what, call))
    }

    async fn judge_reveal(&self, input: RevealApprove) -> Result<Judged, Failure> {
        let all = RevealList { credential_id: None };
        let reveals: Reveals = self.look(Call::RevealList(all)).await?;
        let id = input.reveal_id.to_string();
        let mut pending = reveals.pending_reveals.unwrap_or_default().into_iter();
        let pending = pending.find(|pending| pending.request.id == id);
        let pending = pending.ok_or_else(|| Failure::not_found("reveal", &id))?;
        let call = Call::RevealApprove(input);
        let mut what = what(Operation::RevealApproval, &call)?;
        what.credential = Some(pending.credential_id.to_string());
        add(&mut what, "request", json!(pending.request));
        Ok(Judged::Waits(what, call))
    }

    async fn judge_reveal_request(&self, mut input: RevealRequest) -> Result<Judged, Failure> {
        // what is no reveal at all is not put to the owner
        input.target()?;
        let credential = self.credential(&input.credential_id).await?;
        input.credential_id = reference(&credential.id)?;
        waits(Operation::RevealApproval, Call::RevealRequest(input))
    }

    async fn judge_issue(&self, mut input: CredentialIssue) -> Result<Judged, Failure> {
        let own = ScopeSet {
            allow: input.allow.unwrap_or(Scopes::NONE),
            deny: input.deny.unwrap_or(Scopes::NONE),
        };
        let policy = self.policy(input.policy_id.as_ref()).await?;
        let effective = ScopeSet::merge(policy.as_ref().map(scopes), Some(own));
        let Some(operation) = self.expansion(effective.effective()) else {
            return Ok(Judged::Free(Call::CredentialIssue(input)));
        };
        let operator_id = input.operator_id.clone();
        let operator: OperatorRecord = self.look(Call::OperatorInfo(ByOperator { operator_id })).await?;
        input.operator_id = reference(&operator.id)?;
        if let Some(policy) = &policy {
            input.policy_id = Some(reference(&policy.id)?);
        }
        let call = Call::CredentialIssue(input);
        let mut what = what(operation, &call)?;
        what.policy_version = policy.as_ref().map(version);
        add(&mut what, "scopes", json!(effective.effective()));
        Ok(Judged::Waits(what, call))
    }

    async fn judge_scopes(&self, mut input: CredentialUpdateScopes) -> Result<Judged, Failure> {
        let credential = self.credential(&input.credential_id).await?;
        let config = &credential.config;
        let before = match config.policy_id {
            Some(id) => self.policy_if_there(id).await?,
            None => None,
        };
        let after = match &input.policy_id {
            Some(_) => self.policy(input.policy_id.as_ref()).await?,
            None => before.clone(),
        };
        let change = input.scopes.clone().unwrap_or_default();
        let own = ScopeSet {
            allow: change.allow.or(config.allow).unwrap_or(Scopes::NONE),
            deny: change.deny.or(config.deny).unwrap_or(Scopes::NONE),
        };
        let to = ScopeSet::merge(after.as_ref().map(scopes), Some(own)).effective();
        let freed = confirmed(before.as_ref()) - confirmed(after.as_ref());
        let mut gained = (to - credential.effective_scopes.effective()) | (freed & to);
        if config.policy_id.is_some() && before.is_none() {
            // its policy was removed and still counts, and nobody is told what is in it: the worst is taken
            gained = gained | (config.deny.unwrap_or(Scopes::NONE) - own.deny);
            if after.is_some() {
                gained = gained | to;
            }
        }
        let Some(operation) = self.expansion(gained) else {
            return Ok(Judged::Free(Call::CredentialUpdateScopes(input)));
        };
        input.credential_id = reference(&credential.id)?;
        if let (Some(_), Some(policy)) = (&input.policy_id, &after) {
            input.policy_id = Some(reference(&policy.id)?);
        }
        let call = Call::CredentialUpdateScopes(input);
        let mut what = what(operation, &call)?;
        what.credential = Some(credential.id.to_string());
        what.policy_version = after.as_ref().map(version);
        add(&mut what, "gained", json!(gained));
        Ok(Judged::Waits(what, call))
    }

    async fn judge_policy(&self, mut input: PolicyUpdate) -> Result<Judged, Failure> {
        let policy_id = input.policy_id.clone();
        let policy: PolicyRecord = self.look(Call::PolicyInfo(ByPolicy { policy_id })).await?;
        let before = scopes(&policy);
        let after = before.replaced(input.changes.allow, input.changes.deny).effective();
        let confirm = confirmed(Some(&policy));
        let freed = confirm - input.changes.confirm.unwrap_or(confirm);
        // what the policy denies no longer may be allowed by a credential's own list
        let undenied = before.deny - input.changes.deny.unwrap_or(before.deny);
        let gained = (after - before.effective()) | undenied | freed;
        let Some(operation) = self.expansion(gained) else {
            return Ok(Judged::Free(Call::PolicyUpdate(input)));
        };
        input.policy_id = reference(&policy.id)?;
        let call = Call::PolicyUpdate(input);
        let mut what = what(operation, &call)?;
        what.policy_version = Some(version(&policy));
        add(&mut what, "policy", json!(policy.config.label));
        add(&mut what, "gained", json!(gained));
        Ok(Judged::Waits(what, call))
    }

    async fn credential(&self, reference: &Reference) -> Result<CredentialView, Failure> {
        let credential_id = reference.clone();
        self.look(Call::CredentialLookup(ByCredential { credential_id })).await
    }

    async fn policy(&self, reference: Option<&Reference>) -> Result<Option<PolicyRecord>, Failure> {
        let Some(policy_id) = reference.cloned() else {
            return Ok(None);
        };
        self.look(Call::PolicyInfo(ByPolicy { policy_id })).await.map(Some)
    }

    /// The policy of a credential, which keeps its scopes when the policy is removed.
    async fn policy_if_there(&self, id: PolicyId) -> Result<Option<PolicyRecord>, Failure> {
        match self.policy(Some(&reference(&id)?)).await {
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            found => found,
        }
    }
}

fn scopes(policy: &PolicyRecord) -> ScopeSet {
    ScopeSet {
        allow: policy.config.allow,
        deny: policy.config.deny,
    }
}

/// What needs the owner's word each time under `policy`.
fn confirmed(policy: Option<&PolicyRecord>) -> Scopes {
    policy.and_then(|policy| policy.config.confirm).unwrap_or(Scopes::NONE)
}

/// Tells a policy from what it was and will be: the time of its last change is later with each.
fn version(policy: &PolicyRecord) -> String {
    format!("{} {}", policy.id, policy.updated_at)
}

fn is_egress(scope: &Scope) -> bool {
    scope.category() == ScopeCategory::Egress
}

/// Adds to what the owner is shown what the parameters do not say.
fn add(what: &mut What, name: &str, value: Value) {
    if let Value::Object(parameters) = &mut what.parameters {
        parameters.insert(name.to_owned(), value);
    }
}
