//! What a skill asks for.

use chancery_policy::{Capability, Constraints, NamePattern, Permission, ProblemKind};

use super::{MAX_PATTERNS, MAX_REQUESTS, Options};
use crate::{
    code::Code,
    form::{Form, Need},
    json::{At, Object, Value},
    problem::{Problem, Severity},
};

const MAX_REASON: usize = 512;

/// A permission that a skill asks for, and why. Asking gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityRequest {
    /// What.
    pub permission: Permission,
    /// Why, in the publisher's words.
    pub reason: String,
}

/// The requests, with gaps where one could not be read, so that indexes hold.
pub(super) fn read_all(object: &Object, options: &Options, form: &mut Form) -> Vec<Option<CapabilityRequest>> {
    let items = form.array(object, &At::ROOT, "requiredCapabilities");
    let list = At::ROOT.member("requiredCapabilities");
    if items.len() > MAX_REQUESTS {
        form.error(Code::Size, &list, &format!("more than {MAX_REQUESTS} requests"));
    }
    let items = items.iter().take(MAX_REQUESTS).enumerate();
    let requests: Vec<_> = items
        .map(|(index, item)| read(item, &list.item(index), options, form))
        .collect();
    if requests.iter().flatten().map(patterns).sum::<usize>() > MAX_PATTERNS {
        let message = format!("more than {MAX_PATTERNS} paths, hosts, executables and names");
        form.error(Code::Size, &list, &message);
    }
    requests
}

fn patterns(request: &CapabilityRequest) -> usize {
    match request.permission.constraints() {
        Constraints::Unconstrained => 0,
        Constraints::Paths(set) => set.as_slice().len(),
        Constraints::Hosts(set) => set.as_slice().len(),
        Constraints::Executables(set) => set.as_slice().len(),
        Constraints::Names(set) => set.as_slice().len(),
    }
}

fn read(item: &Value, at: &At<'_>, options: &Options, form: &mut Form) -> Option<CapabilityRequest> {
    let object = form.as_object(item, at)?;
    // a misspelt "constraints" must not mean "everything"
    form.only(object, at, &["capability", "constraints", "reason"]);
    let capability = form.string(object, at, "capability", Need::Required).and_then(|text| {
        let capability = text.parse::<Capability>();
        capability
            .map_err(|error| form.error(Code::Capability, &at.member("capability"), error.0))
            .ok()
    });
    let reason = match object.get("reason") {
        None => {
            form.error(Code::Reason, at, "no reason given");
            None
        }
        Some(reason) => form
            .as_string(reason, &at.member("reason"))
            .and_then(|text| form.check_shown(text, &at.member("reason"), (Code::Reason, MAX_REASON))),
    };
    let permission = permission(capability?, object.get("constraints"), at, options, form);
    Some(CapabilityRequest {
        permission: permission?,
        reason: reason?.to_owned(),
    })
}

fn permission(
    capability: Capability,
    constraints: Option<&Value>,
    at: &At<'_>,
    options: &Options,
    form: &mut Form,
) -> Option<Permission> {
    let place = at.member("constraints");
    let constraints = match constraints.map(Value::to_serde) {
        None => None,
        Some(Some(value)) => Some(value),
        Some(None) => {
            form.error(Code::Type, &place, "must be an object");
            return None;
        }
    };
    match Permission::from_request(capability, constraints.as_ref()) {
        Ok(permission) => {
            if let (Constraints::Names(names), Capability::SecretRead | Capability::SecretWrite) =
                (permission.constraints(), capability)
                && names.as_slice().iter().any(NamePattern::is_signing_key)
            {
                let message = "the keys that sign are no secrets of a skill";
                form.error(Code::ConstraintValue, &place.member("names"), message);
                return None;
            }
            if permission.is_unconstrained() {
                let message = format!("asks for {capability} without constraints");
                if options.require_constraints {
                    form.error(Code::Unconstrained, at, &message);
                } else {
                    form.warning(Code::Unconstrained, at, &message);
                }
            }
            Some(permission)
        }
        Err(problems) => {
            for problem in problems {
                form.add(Problem {
                    code: match problem.kind {
                        ProblemKind::Type => Code::Type,
                        ProblemKind::Kind => Code::ConstraintKind,
                        ProblemKind::Value => Code::ConstraintValue,
                    },
                    pointer: place.pointer() + &problem.pointer,
                    message: problem.message,
                    severity: Severity::Error,
                });
            }
            None
        }
    }
}
