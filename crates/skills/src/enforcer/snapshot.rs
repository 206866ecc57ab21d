//! What is in force, in memory.
//!
//! Built from all tables at once. A row whose signature is not the owner's gives nothing: its skill is unverified, its
//! grant and its publisher are as if they were not there. Signatures are verified once; what was verified before under
//! the same bytes is believed again.

use std::collections::{BTreeMap, HashMap, HashSet};

use chancery_base::{Ulid, ed25519::PublicKey};
use chancery_policy::{Capability, Constraints};
use semver::Version;

use super::index::Index;
use crate::{
    broker::RootRecord,
    owner::{Signed, Statement},
    revocation::Revocations,
    store::model::{Grant, Pin, Publisher, State},
};

/// One state of the tables, ready to be asked.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    /// Changes that had been announced when the tables were read.
    pub(crate) changes: Option<u64>,
    /// The database's own counter at that time.
    pub(crate) data_version: i64,
    pub(crate) skills: HashMap<String, Standing>,
    /// Publishers that the owner trusts.
    pub(crate) publishers: BTreeMap<String, Publisher>,
    /// What the owner bound ids to.
    pub(crate) pins: BTreeMap<String, Pin>,
    pub(crate) revocations: Revocations,
    /// Rows that nobody may have written: what they are, and which.
    pub(crate) unverified: Vec<(&'static str, String)>,
    /// Fingerprints of the rows that were verified.
    verified: HashSet<[u8; 32]>,
}

/// How an installed skill stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) verdict: Verdict,
    pub(crate) version: Option<Version>,
    pub(crate) grants: Vec<Active>,
    by_capability: HashMap<Capability, Index>,
    /// Capabilities with a grant to another signer of the same id.
    pub(crate) other_signer: HashSet<Capability>,
    /// Capabilities with a grant that the owner did not sign.
    pub(crate) forged: HashSet<Capability>,
    /// Where the skill may write, by the paths of its grants and by what they really are.
    writes: Index,
    /// The same places, as they were granted.
    write_roots: Vec<RootRecord>,
}

/// Whether a skill may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    InForce,
    /// The owner did not sign what is in the table.
    Unverified,
    /// The key, the manifest or the version was revoked.
    Revoked,
}

/// A grant in force.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) grant: Grant,
    pub(crate) used: u32,
    /// Whether the version that is installed is one that the grant is for.
    pub(crate) for_version: bool,
    /// What each granted path was, in the order of the permission's paths.
    pub(crate) roots: Vec<RootRecord>,
}

impl Snapshot {
    /// What `state` comes to; `before` lends what it has verified.
    pub(crate) fn build(state: State, owner: &PublicKey, before: Option<&Self>) -> Self {
        let mut check = Verifier {
            owner,
            known: before.map(|before| &before.verified),
            verified: HashSet::new(),
            unverified: Vec::new(),
        };
        let publishers: BTreeMap<_, _> = state
            .publishers
            .values()
            .filter(|row| check.verify(row, &row.value.keyid))
            .map(|row| (row.value.keyid.clone(), row.value.clone()))
            .collect();
        let pins: BTreeMap<_, _> = state
            .pins
            .iter()
            .filter(|(id, row)| row.value.skill_id == **id && check.verify(row, id))
            .map(|(id, row)| (id.clone(), row.value.clone()))
            .collect();
        let revocations = Revocations::of(&state);
        let mut skills: HashMap<String, Standing> = HashMap::with_capacity(state.skills.len());
        for (id, row) in &state.skills {
            let signed = *id == row.value.id && check.verify(row, id);
            let pinned = pins.get(id).is_some_and(|pin| pin.signer == row.value.signer);
            let verdict = if !signed || !pinned {
                Verdict::Unverified
            } else if revocations.of_skill(&row.value).is_some() {
                Verdict::Revoked
            } else {
                Verdict::InForce
            };
            skills.insert(id.clone(), Standing::new(verdict, &row.value.version));
        }
        for (id, row) in &state.grants {
            let grant = &row.grant;
            let (Some(standing), Some(skill)) = (skills.get_mut(&grant.skill_id), state.skills.get(&grant.skill_id))
            else {
                continue;
            };
            let Some(signed) = row.signed() else { continue };
            let capability = grant.permission.capability();
            if grant.id != *id || !check.verify(&signed, &grant.id.to_string()) {
                standing.forged.insert(capability);
            } else if grant.signer != skill.value.signer {
                standing.other_signer.insert(capability);
            } else {
                standing.add(signed.value, row.used);
            }
        }
        let Verifier {
            verified, unverified, ..
        } = check;
        Self {
            state,
            changes: None,
            data_version: 0,
            skills,
            publishers,
            pins,
            revocations,
            unverified,
            verified,
        }
    }

    /// The grants of `skill_id` that are in force, oldest first.
    pub(crate) fn grants_of(&self, skill_id: &str) -> impl Iterator<Item = &Active> {
        self.skills
            .get(skill_id)
            .into_iter()
            .flat_map(|standing| &standing.grants)
    }

    /// Whether the grant is still there and in force.
    pub(crate) fn has(&self, skill_id: &str, grant: Ulid) -> bool {
        self.skills.get(skill_id).is_some_and(|standing| {
            standing.verdict == Verdict::InForce && standing.grants.iter().any(|active| active.grant.id == grant)
        })
    }
}

impl Standing {
    fn new(verdict: Verdict, version: &str) -> Self {
        Self {
            verdict,
            version: Version::parse(version).ok(),
            grants: Vec::new(),
            by_capability: HashMap::new(),
            other_signer: HashSet::new(),
            forged: HashSet::new(),
            writes: Index::default(),
            write_roots: Vec::new(),
        }
    }

    fn add(&mut self, grant: Grant, used: u32) {
        let for_version = match &grant.version_range {
            None => true,
            Some(range) => self.version.as_ref().is_some_and(|version| range.contains(version)),
        };
        let roots = match grant.permission.constraints() {
            Constraints::Paths(set) => set
                .as_slice()
                .iter()
                .map(|path| {
                    let path = std::path::Path::new(path.as_str());
                    let known = grant.roots.iter().find(|root| root.path == path);
                    known.cloned().unwrap_or_else(|| RootRecord::nothing(path))
                })
                .collect(),
            Constraints::Unconstrained => vec![RootRecord::nothing(std::path::Path::new("/"))],
            _ => Vec::new(),
        };
        let place = self.grants.len();
        if grant.permission.capability() == Capability::FsWrite {
            for root in &roots {
                self.writes.add_place(&root.path);
                if let Some(real) = root.real() {
                    self.writes.add_place(&real);
                }
                self.write_roots.push(root.clone());
            }
        }
        self.by_capability
            .entry(grant.permission.capability())
            .or_default()
            .add(place, &grant.permission);
        self.grants.push(Active {
            grant,
            used,
            for_version,
            roots,
        });
    }

    /// Whether `path`, which is normalised, lies where the skill may write, whatever limits those grants further.
    pub(crate) fn may_write(&self, path: &str) -> bool {
        self.writes.holds(path)
    }

    /// Whether a granted path leads where it leads by a link below a place where the skill may write. Who made that link is
    /// not known, and what was shown to the owner is the path.
    pub(crate) fn may_have_linked(&self, granted: &RootRecord) -> bool {
        let Some(real) = granted.real().filter(|_| granted.is_link()) else {
            return false;
        };
        self.write_roots.iter().any(|root| {
            let below = granted.path.strip_prefix(&root.path);
            let straight = below.map(|below| {
                let from = root.real().unwrap_or_else(|| root.path.clone());
                if below.as_os_str().is_empty() {
                    from
                } else {
                    from.join(below)
                }
            });
            straight.is_ok_and(|straight| straight != real)
        })
    }

    pub(crate) fn index(&self, capability: Capability) -> Option<&Index> {
        self.by_capability.get(&capability)
    }
}

struct Verifier<'a> {
    owner: &'a PublicKey,
    known: Option<&'a HashSet<[u8; 32]>>,
    verified: HashSet<[u8; 32]>,
    unverified: Vec<(&'static str, String)>,
}

impl Verifier<'_> {
    fn verify<T: Statement>(&mut self, row: &Signed<T>, name: &str) -> bool {
        let fingerprint = row.fingerprint();
        let good = self.known.is_some_and(|known| known.contains(&fingerprint)) || row.verify(self.owner);
        if good {
            self.verified.insert(fingerprint);
        } else {
            self.unverified.push((T::KIND, name.to_owned()));
        }
        good
    }
}
