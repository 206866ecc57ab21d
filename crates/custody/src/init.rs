//! Making all keys of a signet, once (signet spec 9.3).

use chancery_base::{Clock, Rng};
use chancery_keys::{
    Approval, Approvals, ApproverKind, Asked, Evidence, Gates, KeyPolicy, Operation, Platform, Readiness, Request,
    RootSecret, What,
};
use chancery_vault::{KeySource, Secret, Vault, check_passphrase, create_key_file};
use serde_json::json;

use crate::approve::{self, Signer};
use crate::custody::{ADMIN, AdminEntry, Custody, ROOT, RootRecord};
use crate::entry;
use crate::error::CustodyError;
use crate::name::KeyHolder;
use crate::operational::{self, OperatorEntry};
use crate::owner;
use crate::places::{self, Places};

/// How long the approval of the root key's making holds: it is used at once.
const APPROVAL_MS: i64 = 60_000;

/// Where the root key comes from.
#[derive(Debug, Clone)]
pub enum RootPlan {
    /// From the owner's vault, whose passphrase is asked for at the terminal.
    AtTerminal,
    /// From the owner's vault, with a passphrase that somebody gave: nobody was asked, so it is not enough where making the root
    /// key waits for the owner.
    Passphrase(Secret),
    /// From a program that keeps it.
    Signer {
        /// The program.
        signer: Signer,
        /// How it is to protect the key.
        policy: KeyPolicy,
    },
}

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where.
    pub places: Places,
    /// What opens the daemon's vault. A [`KeySource::KeyFile`] at [`Places::key_file`] is made if it is not there.
    pub vault: KeySource,
    /// Where the root key comes from.
    pub root: RootPlan,
    /// What waits for the owner.
    pub gates: Gates,
}

/// What was made or found.
#[derive(Debug)]
pub struct Initialized {
    /// The keys, open.
    pub custody: Custody,
    /// Whether they were made now.
    pub created: bool,
    /// How the making of the root key was approved, if it had to be.
    pub evidence: Option<Evidence>,
}

/// What a root key was made of.
struct Made {
    record: RootRecord,
    evidence: Option<Evidence>,
}

/// Makes root key, daemon's vault, admin key and the operational key `default`. What is there stays: a repeat makes nothing, and
/// goes on where an earlier one was stopped. Nothing is written before it is known that everything that waits for the owner has
/// somebody to ask.
///
/// # Errors
/// [`CustodyError::Infeasible`], [`CustodyError::Cancelled`], [`CustodyError::NoTerminal`], [`CustodyError::Signer`]: nothing
/// is written then. Those of [`Vault::create`] and [`Vault::open`]; [`CustodyError::RootChanged`].
pub fn init(plan: &Plan, clock: &dyn Clock, rng: &dyn Rng) -> Result<Initialized, CustodyError> {
    let Plan {
        places, vault, gates, ..
    } = plan;
    let mut opened = None;
    if places.vault().symlink_metadata().is_ok() {
        let found = Vault::open(&places.vault(), vault)?;
        if found.contains(ROOT) {
            let custody = Custody::of(found, places, *gates)?;
            return Ok(Initialized {
                custody: custody.ok_or_else(|| CustodyError::Entry(ROOT.to_owned()))?,
                created: false,
                evidence: None,
            });
        }
        opened = Some(found);
    }
    gates.feasible(&[Operation::RootKeyCreation], &plan.approvers())?;
    if let KeySource::Passphrase(passphrase) = vault {
        check_passphrase(passphrase)?;
    }
    let made = plan.make_root(clock, rng)?;
    let mut daemon = match opened {
        Some(daemon) => daemon,
        None => plan.make_vault(rng)?,
    };
    entry::write(&mut daemon, ROOT, &made.record)?;
    let now = clock.now();
    entry::write(&mut daemon, ADMIN, &AdminEntry::new(now, rng))?;
    let first = OperatorEntry::new(None, now, rng);
    entry::write(&mut daemon, &operational::entry_name(&KeyHolder::default_key()), &first)?;
    daemon.save(rng)?;
    let custody = Custody::of(daemon, places, *gates)?;
    Ok(Initialized {
        custody: custody.ok_or_else(|| CustodyError::Entry(ROOT.to_owned()))?,
        created: true,
        evidence: made.evidence,
    })
}

impl Plan {
    fn approvers(&self) -> Vec<(ApproverKind, Readiness)> {
        match &self.root {
            RootPlan::AtTerminal => vec![(
                ApproverKind::Terminal,
                match approve::terminal_readiness() {
                    // without one there will be no root key either
                    Readiness::Later(why) => Readiness::Missing(why),
                    readiness => readiness,
                },
            )],
            RootPlan::Passphrase(_) => vec![(
                ApproverKind::Terminal,
                Readiness::Later("the passphrase was given, and nobody was asked".to_owned()),
            )],
            RootPlan::Signer { signer, .. } => vec![(ApproverKind::ExternalSigner, signer.readiness())],
        }
    }

    fn make_root(&self, clock: &dyn Clock, rng: &dyn Rng) -> Result<Made, CustodyError> {
        let secret = match &self.root {
            RootPlan::Signer { signer, policy } => return self.root_in(signer, *policy, clock, rng),
            RootPlan::AtTerminal => approve::passphrase(!owner::exists(&self.places))?,
            RootPlan::Passphrase(passphrase) => passphrase.clone(),
        };
        check_passphrase(&secret)?;
        let root = owner::make(&self.places, &secret, rng)?;
        let record = RootRecord {
            platform: Platform::SoftwareVault,
            public_key: root.public(),
            key_ref: None,
            created_at: clock.now(),
        };
        // the owner has just typed the passphrase at the terminal: whoever gave it otherwise was refused before
        let sign = |request: &Request| signed(request, &root);
        let evidence = self.approved(&record, sign, clock, rng)?;
        Ok(Made { record, evidence })
    }

    /// A root key in a signer. One whose making was not approved is given back.
    fn root_in(
        &self,
        signer: &Signer,
        policy: KeyPolicy,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<Made, CustodyError> {
        if !signer.is_available()? {
            return Err(CustodyError::Signer("it has no hardware for keys".to_owned()));
        }
        let key = signer.create("chancery-root", policy)?;
        let record = RootRecord {
            platform: Platform::ExternalSigner,
            public_key: key.public_key,
            key_ref: Some(key.key_ref.clone()),
            created_at: clock.now(),
        };
        let sign = |request: &Request| {
            Ok(Approval {
                request: request.id,
                signature: signer.sign(&key.key_ref, &request.hash()?)?,
            })
        };
        match self.approved(&record, sign, clock, rng) {
            Ok(evidence) => Ok(Made { record, evidence }),
            Err(error) => {
                // as far as it goes: the error is the one that matters
                let _ = signer.delete(&key.key_ref);
                Err(error)
            }
        }
    }

    /// Has the new root key approve its own making, where that waits for the owner.
    fn approved(
        &self,
        record: &RootRecord,
        sign: impl Fn(&Request) -> Result<Approval, CustodyError>,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<Option<Evidence>, CustodyError> {
        let parameters = json!({ "platform": record.platform, "publicKey": record.public_key });
        let what = What::new(Operation::RootKeyCreation, "init", parameters);
        let mut approvals = Approvals::new(self.gates, record.public_key);
        let clearance = match approvals.ask(what.clone(), APPROVAL_MS, clock.now(), rng)? {
            Asked::Open(clearance) => clearance,
            Asked::Waiting(request) => approvals.settle(&sign(&request)?, clock.now())?,
        };
        Ok(clearance.spend(&what, clock.now())?)
    }

    fn make_vault(&self, rng: &dyn Rng) -> Result<Vault, CustodyError> {
        places::make(self.places.data())?;
        if let KeySource::KeyFile(path) = &self.vault
            && *path == self.places.key_file()
            && path.symlink_metadata().is_err()
        {
            create_key_file(path, rng)?;
        }
        Ok(Vault::create(&self.places.vault(), &self.vault, rng)?)
    }
}

fn signed(request: &Request, root: &RootSecret) -> Result<Approval, CustodyError> {
    let signature = root.sign(&request.hash()?).map_err(|_| CustodyError::RootChanged)?;
    Ok(Approval {
        request: request.id,
        signature,
    })
}
