//! The decision, on a snapshot.

use chancery_audit::{Outcome, Record};
use chancery_base::Ulid;
use chancery_policy::{Capability, Constraints, Denial, DenialReason, ExecutablePattern, GrantPath, Request};
use serde_json::json;

use super::{
    Snapshot, Verdict,
    index::Candidate,
    snapshot::{Active, Standing},
    text_of,
};
use crate::{
    engine::{Skills, cut},
    store::commands::Use,
};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) skill_id: &'a str,
    pub(crate) session: Option<&'a str>,
    /// Nothing is recorded, and no use counted.
    pub(crate) dry: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(skill_id: &'a str, session: Option<&'a str>) -> Self {
        Self {
            skill_id,
            session,
            dry: false,
        }
    }
}

/// What allowed a request.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) grant: Ulid,
}

impl Skills {
    /// Which grant allows `request`. A use is taken from a counted grant, durably, before this returns.
    pub(crate) fn allow(&self, call: Call<'_>, request: &Request) -> Result<Allowed, Denial> {
        let Ok(snapshot) = self.snapshot() else {
            // what is in force cannot be told
            return Err(self.deny(call, request.capability(), DenialReason::Unverified, &text_of(request)));
        };
        match self.find(&snapshot, call, request) {
            Ok((_, grant)) => Ok(Allowed { grant }),
            Err(reason) => Err(self.deny(call, request.capability(), reason, &text_of(request))),
        }
    }

    /// Looks for the grant, and takes a use of a counted one.
    pub(crate) fn find(
        &self,
        snapshot: &Snapshot,
        call: Call<'_>,
        request: &Request,
    ) -> Result<(Candidate, Ulid), DenialReason> {
        let (candidate, grant, ()) = self.find_with(snapshot, call, request, |_, _| Ok(()))?;
        Ok((candidate, grant))
    }

    /// The same, when `also` has nothing against the grant either.
    pub(crate) fn find_with<T>(
        &self,
        snapshot: &Snapshot,
        call: Call<'_>,
        request: &Request,
        mut also: impl FnMut(&Active, Candidate) -> Result<T, DenialReason>,
    ) -> Result<(Candidate, Ulid, T), DenialReason> {
        let standing = snapshot.skills.get(call.skill_id).ok_or(DenialReason::NoGrant)?;
        match standing.verdict {
            Verdict::InForce => {}
            Verdict::Unverified => return Err(DenialReason::Unverified),
            Verdict::Revoked => return Err(DenialReason::Revoked),
        }
        let Some(index) = standing.index(request.capability()) else {
            return Err(without_grants(standing, request.capability()));
        };
        let mut refused = None;
        let found = index.find(request, |candidate| {
            let active = standing.grants.get(candidate.grant)?;
            // what it does not cover does not matter; why it does not apply does
            active.grant.permission.covers(request).ok()?;
            let applies = self
                .applies(active, call)
                .and_then(|()| also(active, candidate))
                .and_then(|found| {
                    if call.dry {
                        Ok(found)
                    } else {
                        self.take(active).map(|()| found)
                    }
                });
            match applies {
                Ok(found) => Some((candidate, active.grant.id, found)),
                Err(reason) => {
                    refused.get_or_insert(reason);
                    None
                }
            }
        });
        found.ok_or_else(|| {
            refused.unwrap_or_else(|| {
                let any = index.first.and_then(|first| standing.grants.get(first));
                match any.map(|active| active.grant.permission.covers(request)) {
                    Some(Err(mismatch)) => mismatch.into(),
                    _ => DenialReason::NoGrant,
                }
            })
        })
    }

    /// Whether the terms of a grant that covers a request hold now.
    pub(crate) fn applies(&self, active: &Active, call: Call<'_>) -> Result<(), DenialReason> {
        let grant = &active.grant;
        if grant.expires_at.is_some_and(|end| self.now() >= end) {
            return Err(DenialReason::Expired);
        }
        if !self.holds(active, call.session) {
            return Err(DenialReason::NoGrant);
        }
        match grant.max_uses {
            Some(limit) if active.used >= limit => Err(DenialReason::Exhausted),
            _ => Ok(()),
        }
    }

    /// The same without looking at uses.
    pub(crate) fn holds(&self, active: &Active, session: Option<&str>) -> bool {
        let grant = &active.grant;
        let of_session = grant.session_id.as_deref().is_none_or(|wanted| session == Some(wanted));
        of_session && active.for_version && grant.expires_at.is_none_or(|end| self.now() < end)
    }

    /// Takes a use from a counted grant, durably.
    fn take(&self, active: &Active) -> Result<(), DenialReason> {
        let grant = &active.grant;
        let Some(limit) = grant.max_uses else { return Ok(()) };
        let record = Record {
            actor: grant.skill_id.clone(),
            outcome: Outcome::Allowed,
            ..self.record("capability.use", &grant.id.to_string(), json!({ "limit": limit }))
        };
        let used = self.inner.store.run(Use {
            id: grant.id,
            limit,
            record,
        });
        match used {
            Ok(true) => {
                // the next check sees the new count
                let _ = self.changed();
                Ok(())
            }
            Ok(false) => Err(DenialReason::Exhausted),
            // what cannot be counted is not used
            Err(_) => Err(DenialReason::Unverified),
        }
    }

    /// The files that grants of `skill_id` are bound to under the name `asked`.
    pub(crate) fn pins(
        &self,
        snapshot: &Snapshot,
        skill_id: &str,
        request: &Request,
        asked: &str,
    ) -> Vec<(GrantPath, [u8; 32])> {
        let mut pins = Vec::new();
        let Some(standing) = snapshot.skills.get(skill_id) else {
            return pins;
        };
        let Some(index) = standing.index(Capability::ProcessSpawn) else {
            return pins;
        };
        index.find(request, |candidate| {
            let active = standing.grants.get(candidate.grant)?;
            if let Constraints::Executables(set) = active.grant.permission.constraints()
                && let Some((path, sha256)) = set.as_slice().get(candidate.pattern).and_then(ExecutablePattern::pin)
                && set
                    .as_slice()
                    .get(candidate.pattern)
                    .is_some_and(|pattern| pattern.asked() == asked)
            {
                let pin = (path.clone(), *sha256);
                if !pins.contains(&pin) {
                    pins.push(pin);
                }
            }
            None::<()>
        });
        pins
    }

    /// A denial, recorded.
    pub(crate) fn deny(&self, call: Call<'_>, capability: Capability, reason: DenialReason, what: &str) -> Denial {
        let denial = Denial::new(call.skill_id, capability, reason);
        if call.dry {
            return denial;
        }
        let Some(left_out) = self.inner.denials.count(call.skill_id, self.now()) else {
            return denial;
        };
        let record = Record {
            actor: cut(call.skill_id, chancery_audit::limits::MAX_ACTOR_BYTES),
            outcome: Outcome::Denied,
            ..self.record(
                "capability.check",
                what,
                json!({
                    "capability": capability.as_str(),
                    "code": chancery_base::ErrorCode::code(&denial),
                    "leftOut": left_out.min(chancery_audit::limits::MAX_SAFE_INTEGER),
                }),
            )
        };
        if !self.inner.store.note(record) {
            tracing::error!(skill = call.skill_id, %capability, "a denial was not recorded");
        }
        denial
    }
}

/// Why a skill without grants for `capability` has none.
fn without_grants(standing: &Standing, capability: Capability) -> DenialReason {
    if standing.forged.contains(&capability) {
        DenialReason::Unverified
    } else if standing.other_signer.contains(&capability) {
        DenialReason::KeyChanged
    } else {
        DenialReason::NoGrant
    }
}
