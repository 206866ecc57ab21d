//! May this skill do that, now?

mod decide;
mod denials;
mod index;
mod snapshot;

use std::{fs::File, net::IpAddr, os::fd::AsRawFd as _, path::Path};

use chancery_base::Ulid;
use chancery_policy::{
    AddressClass, Capability, Constraints, Context, Denial, DenialReason, Dimension, Request, Resource, address_class,
};

use crate::{
    broker::{BrokerError, Program},
    engine::Skills,
    executable::resolve,
    registry::CapabilityRegistry,
};

pub(crate) use decide::Call;
pub(crate) use denials::Denials;
pub(crate) use snapshot::{Active, Snapshot, Verdict};

/// Answers whether a skill may use a capability on a resource, with the seed's names.
///
/// One grant must cover the whole request. A path is judged by the file that is opened beneath the grant's directory, as
/// far as there is one; a host by scheme, name and port; a program by the bytes of its file. Whoever then opens the path
/// by name gives an attacker time to change what it means: [`FileBroker`](crate::FileBroker) opens it and hands out the
/// descriptor.
///
/// Denials are recorded, up to 60 a minute of each skill one by one and the rest by their number. A counted grant is used up by one with every check that it allows, before the answer.
#[derive(Debug, Clone)]
pub struct CapabilityEnforcer {
    skills: Skills,
}

impl CapabilityEnforcer {
    /// An enforcer of what is granted in `registry`.
    #[must_use]
    pub fn new(registry: &CapabilityRegistry) -> Self {
        Self {
            skills: registry.skills().clone(),
        }
    }

    /// An enforcer of what is granted in `skills`.
    #[must_use]
    pub fn of(skills: &Skills) -> Self {
        Self { skills: skills.clone() }
    }

    /// Whether `skill_id` may use `capability` in `context`. A capability that was granted within constraints needs the
    /// context that they are about.
    ///
    /// # Errors
    /// The [`Denial`]; the seed's own text for what is outside, such as `Capability denied: path not in allowed paths`.
    pub fn check(&self, skill_id: &str, capability: Capability, context: &Context<'_>) -> Result<(), Denial> {
        self.check_in(skill_id, None, capability, context)
    }

    /// The same in a session: grants for that session count, too.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_in(
        &self,
        skill_id: &str,
        session: Option<&str>,
        capability: Capability,
        context: &Context<'_>,
    ) -> Result<(), Denial> {
        let call = Call::new(skill_id, session);
        let request = Request::in_context(capability, context)
            .map_err(|mismatch| self.skills.deny(call, capability, mismatch.into(), &described(context)))?;
        self.skills.decide(call, &request)
    }

    /// The same for a request that was read before.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_request(&self, skill_id: &str, session: Option<&str>, request: &Request) -> Result<(), Denial> {
        self.skills.decide(Call::new(skill_id, session), request)
    }

    /// Whether `skill_id` may use all of `capabilities`, each in its context; stops at the first that it may not.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_all<'a>(
        &self,
        skill_id: &str,
        capabilities: impl IntoIterator<Item = (Capability, Context<'a>)>,
    ) -> Result<(), Denial> {
        capabilities
            .into_iter()
            .try_for_each(|(capability, context)| self.check(skill_id, capability, &context))
    }

    /// Whether a connection of `skill_id` may go to `address`, which is what a name that it may connect to resolved to: an
    /// address of the Internet may, any other only when it is itself granted as an address or network. Whoever connects
    /// asks for the name first, then for each address, and connects to that address and no other.
    ///
    /// # Errors
    /// The [`Denial`].
    pub fn check_address(&self, skill_id: &str, capability: Capability, address: IpAddr) -> Result<(), Denial> {
        self.check_address_in(skill_id, None, capability, address)
    }

    /// The same in a session: grants for that session count, too.
    ///
    /// # Errors
    /// As [`check_address`](Self::check_address).
    pub fn check_address_in(
        &self,
        skill_id: &str,
        session: Option<&str>,
        capability: Capability,
        address: IpAddr,
    ) -> Result<(), Denial> {
        let call = Call::new(skill_id, session);
        if address_class(address) == AddressClass::Public {
            return Ok(());
        }
        let deny = |reason| self.skills.deny(call, capability, reason, &address.to_string());
        let snapshot = self.skills.snapshot().map_err(|_| deny(DenialReason::Unverified))?;
        let granted = snapshot
            .skills
            .get(skill_id)
            .filter(|standing| standing.verdict == Verdict::InForce)
            .into_iter()
            .flat_map(|standing| &standing.grants)
            .filter(|active| active.grant.permission.capability() == capability)
            // the name took the use of a counted grant
            .filter(|active| self.skills.holds(active, call.session))
            .any(|active| match active.grant.permission.constraints() {
                Constraints::Hosts(set) => set.as_slice().iter().any(|host| host.covers_address(address)),
                _ => false,
            });
        if granted {
            Ok(())
        } else {
            Err(deny(DenialReason::Outside(Dimension::Host, address.to_string())))
        }
    }

    /// Whether `grant`, by which something was opened or started for `skill_id`, is still in force: what it gave ends when
    /// it does.
    #[must_use]
    pub fn is_in_force(&self, skill_id: &str, grant: Ulid) -> bool {
        self.skills.snapshot().is_ok_and(|snapshot| {
            let now = self.skills.now();
            let mut of_skill = snapshot.grants_of(skill_id);
            snapshot.has(skill_id, grant)
                && of_skill.any(|active| {
                    active.grant.id == grant
                        && active.for_version
                        && active.grant.expires_at.is_none_or(|end| now < end)
                })
        })
    }

    /// Opens the program that `skill_id` was granted under the name `executable`, to be executed by its descriptor.
    ///
    /// # Errors
    /// The [`Denial`]: not granted, not the file that was granted, or one that the skill may write.
    pub fn open_program(&self, skill_id: &str, session: Option<&str>, executable: &str) -> Result<Program, Denial> {
        self.skills.open_program(Call::new(skill_id, session), executable)
    }
}

/// What a context names, for the record of a denial.
fn described(context: &Context<'_>) -> String {
    [context.path, context.host, context.executable, context.name]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a request names, for the record of a denial.
pub(crate) fn text_of(request: &Request) -> String {
    request
        .resources()
        .iter()
        .map(|resource| match resource {
            Resource::Path(path) => path.to_string(),
            Resource::Host(endpoint) => endpoint.to_string(),
            Resource::Executable(program) => program.to_string(),
            Resource::Name(name) => name.to_string(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

impl Skills {
    /// The decision on a request, by what the resource is: a file by opening its name, a program by its bytes.
    pub(crate) fn decide(&self, call: Call<'_>, request: &Request) -> Result<(), Denial> {
        let unverified = || self.deny(call, request.capability(), DenialReason::Unverified, &text_of(request));
        let is_file = |resource: &Resource| matches!(resource, Resource::Executable(_) | Resource::Path(_));
        match request.resources() {
            [Resource::Executable(program)] if request.capability() == Capability::ProcessSpawn => {
                self.open_program(call, program.asked()).map(drop)
            }
            [Resource::Path(_)] => match self.probe(call, request) {
                Ok(()) => Ok(()),
                Err(BrokerError::Denied(denial)) => Err(denial),
                // no way to tell: no
                Err(_) => Err(unverified()),
            },
            // several files at once: none of them is opened, so none is vouched for
            resources if resources.len() > 1 && resources.iter().any(is_file) => Err(unverified()),
            _ => self.allow(call, request).map(drop),
        }
    }

    /// Whether the skill may write the program at `path`: by that name, or by the one that the open file has.
    pub(crate) fn may_write(&self, snapshot: &Snapshot, skill_id: &str, path: &Path, file: &File) -> bool {
        let Some(standing) = snapshot.skills.get(skill_id) else {
            return false;
        };
        let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok();
        [Some(path), real.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(Path::to_str)
            .any(|path| standing.may_write(path))
    }

    pub(crate) fn open_program(&self, call: Call<'_>, executable: &str) -> Result<Program, Denial> {
        let capability = Capability::ProcessSpawn;
        let deny = |reason| self.deny(call, capability, reason, executable);
        let resource = Resource::parse(capability, executable).map_err(|mismatch| deny(mismatch.into()))?;
        let snapshot = self.snapshot().map_err(|_| deny(DenialReason::Unverified))?;
        let request = Request::new(capability, resource.clone());
        let Resource::Executable(program) = resource else {
            return Err(deny(DenialReason::NoGrant));
        };
        let mut refused = None;
        for (path, sha256) in self.pins(&snapshot, call.skill_id, &request, executable) {
            let Ok(file) = self.inner.programs.open(&path, &sha256) else {
                refused = Some(DenialReason::Changed(Dimension::Executable));
                continue;
            };
            if self.may_write(&snapshot, call.skill_id, Path::new(path.as_str()), &file) {
                refused = Some(DenialReason::Writable);
                continue;
            }
            let found = Resource::Executable(program.clone().found(path.clone(), sha256));
            match self.find(&snapshot, call, &Request::new(capability, found)) {
                Ok((_, grant)) => return Ok(Program { file, path, grant }),
                Err(reason) => refused = Some(reason),
            }
        }
        if let Some(reason) = refused {
            return Err(deny(reason));
        }
        // no grant names it: one without constraints may still allow it, as what the name means now
        let found = executable.parse().ok().and_then(|asked| resolve(&asked).ok().flatten());
        let Some((path, sha256)) = found else {
            return Err(deny(match self.find(&snapshot, Call { dry: true, ..call }, &request) {
                Err(reason) => reason,
                Ok(_) => DenialReason::Changed(Dimension::Executable),
            }));
        };
        let file = self.inner.programs.open(&path, &sha256);
        let file = file.map_err(|_| deny(DenialReason::Changed(Dimension::Executable)))?;
        if self.may_write(&snapshot, call.skill_id, Path::new(path.as_str()), &file) {
            return Err(deny(DenialReason::Writable));
        }
        let allowed = self.allow(call, &request)?;
        Ok(Program {
            file,
            path,
            grant: allowed.grant,
        })
    }
}
