//! Trying calls out against the grants, without running anything.

use chancery_manifest::{CapabilityRequest, Tool};
use chancery_policy::{Capability, Constraints, Context, Denial, DenialReason, Permission, Request, Set};
use serde_json::Value;

use crate::{
    enforcer::{Call, text_of},
    engine::Skills,
    error::SkillsError,
    grants::parts,
};

/// A call to try.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// A call of one of the skill's tools.
    Tool {
        /// The tool.
        tool: String,
        /// Its arguments.
        arguments: Value,
    },
    /// A capability in a context.
    Direct {
        /// The capability.
        capability: Capability,
        /// An absolute path.
        path: Option<String>,
        /// `host[:port]`, or a URL.
        host: Option<String>,
        /// An absolute path or bare name.
        executable: Option<String>,
        /// Name of a variable or secret.
        name: Option<String>,
    },
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether all of it is allowed.
    pub allowed: bool,
    /// What it would use, in order, up to the first that is denied.
    pub uses: Vec<Use>,
    /// Why not, where it is not about one of the uses.
    pub reason: Option<String>,
}

/// One thing that a call would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The capability.
    pub capability: Capability,
    /// On what; empty for nothing in particular.
    pub resource: String,
    /// Why not; `None` where it is allowed.
    pub denial: Option<Denial>,
}

impl Evaluation {
    fn refused(reason: impl Into<String>) -> Self {
        Self {
            allowed: false,
            uses: Vec::new(),
            reason: Some(reason.into()),
        }
    }
}

impl Skills {
    /// Says of each of `examples` whether the grants of `skill_id` allow it, and why not. Arguments of a tool are held
    /// against its schema first, and undeclared ones refused; what they would use is what its effects say. Files are
    /// looked at as a check does; no use is counted, and nothing recorded.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn evaluate(
        &self,
        skill_id: &str,
        session: Option<&str>,
        examples: &[Example],
    ) -> Result<Vec<Evaluation>, SkillsError> {
        let loaded = self.load(skill_id)?;
        let call = Call {
            dry: true,
            ..Call::new(skill_id, session)
        };
        let evaluate = |example: &Example| {
            let requests = match example {
                Example::Tool { tool, arguments } => {
                    let Some(tool) = loaded.manifest.tool(tool) else {
                        return Evaluation::refused(format!("there is no tool {tool:?}"));
                    };
                    if let Err(problems) = tool.check_arguments(arguments) {
                        let problems: Vec<String> = problems
                            .iter()
                            .map(|problem| {
                                format!(
                                    "{}: {}",
                                    if problem.pointer.is_empty() {
                                        "/"
                                    } else {
                                        &problem.pointer
                                    },
                                    problem.message
                                )
                            })
                            .collect();
                        return Evaluation::refused(format!(
                            "the arguments do not fit the schema: {}",
                            problems.join("; ")
                        ));
                    }
                    match self.not_granted(call, tool, loaded.manifest.requests()) {
                        Ok(None) => {}
                        Ok(Some(missing)) => {
                            return Evaluation {
                                allowed: false,
                                uses: vec![missing],
                                reason: None,
                            };
                        }
                        Err(error) => return Evaluation::refused(error.to_string()),
                    }
                    tool.effects_of(arguments)
                }
                Example::Direct {
                    capability,
                    path,
                    host,
                    executable,
                    name,
                } => {
                    let context = Context {
                        path: path.as_deref(),
                        host: host.as_deref(),
                        executable: executable.as_deref(),
                        name: name.as_deref(),
                    };
                    Request::in_context(*capability, &context).map(|request| vec![request])
                }
            };
            match requests {
                Ok(requests) => self.uses(call, &requests),
                Err(mismatch) => Evaluation::refused(mismatch.to_string()),
            }
        };
        Ok(examples.iter().map(evaluate).collect())
    }

    fn uses(&self, call: Call<'_>, requests: &[Request]) -> Evaluation {
        let mut uses = Vec::new();
        for request in requests {
            let denial = self.decide(call, request).err();
            let denied = denial.is_some();
            uses.push(Use {
                capability: request.capability(),
                resource: text_of(request),
                denial,
            });
            if denied {
                break;
            }
        }
        Evaluation {
            allowed: uses.iter().all(|used| used.denial.is_none()),
            uses,
            reason: None,
        }
    }

    /// The first of what a tool requires, without saying on what it uses it, that is not granted as far as it is asked for.
    fn not_granted(
        &self,
        call: Call<'_>,
        tool: &Tool,
        requests: &[CapabilityRequest],
    ) -> Result<Option<Use>, SkillsError> {
        let snapshot = self.snapshot()?;
        let grants: Vec<Permission> = snapshot
            .grants_of(call.skill_id)
            .filter(|active| self.applies(active, call).is_ok())
            .filter_map(|active| as_asked(&active.grant.permission))
            .collect();
        for request in tool.requires().iter().filter_map(|index| requests.get(*index)) {
            let capability = request.permission.capability();
            if tool.effects().iter().any(|effect| effect.capability == capability) {
                continue;
            }
            for part in parts(&request.permission) {
                if !grants.iter().any(|granted| part.within(granted)) {
                    return Ok(Some(Use {
                        capability,
                        resource: part.constraints().texts().join(" "),
                        denial: Some(Denial::new(call.skill_id, capability, DenialReason::NoGrant)),
                    }));
                }
            }
        }
        Ok(None)
    }
}

/// A granted permission with its programs as they were asked for: the file that each is bound to is compared when it runs.
fn as_asked(permission: &Permission) -> Option<Permission> {
    let Constraints::Executables(set) = permission.constraints() else {
        return Some(permission.clone());
    };
    let asked = set.as_slice().iter().filter_map(|pattern| pattern.asked().parse().ok());
    Permission::new(permission.capability(), Constraints::Executables(Set::new(asked).ok()?)).ok()
}
