//! Which steps wait for the owner, by which presets, and whether somebody is there to ask (signet spec 8.5, 9.3).

use std::fmt;

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Serialize};

/// A step that can be made to wait for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Operation {
    /// Making the root key.
    RootKeyCreation,
    /// Replacing an operational key.
    OperationalKeyRotation,
    /// Giving a credential scopes that it did not have.
    ScopeExpansion,
    /// Letting content go where it did not go.
    EgressExpansion,
    /// Setting an agent up.
    AgentCreation,
    /// Letting an admin read messages.
    AdminReadElevation,
    /// Showing the words of a wallet. It always waits, as what follows does: no switch turns this off.
    WalletBackup,
    /// Letting an action be done that is held.
    ActionApproval,
    /// Letting a harness see what is hidden from it.
    RevealApproval,
    /// Making a superadmin.
    SuperadminCreation,
    /// Making a token for an admin, for somebody of whom nothing else says that they are one.
    AdminTokenCreation,
}

/// The switches `[biometricGating]`; all off unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gates {
    /// For [`Operation::RootKeyCreation`].
    pub root_key_creation: bool,
    /// For [`Operation::OperationalKeyRotation`].
    pub operational_key_rotation: bool,
    /// For [`Operation::ScopeExpansion`].
    pub scope_expansion: bool,
    /// For [`Operation::EgressExpansion`].
    pub egress_expansion: bool,
    /// For [`Operation::AgentCreation`].
    pub agent_creation: bool,
    /// For [`Operation::AdminReadElevation`].
    pub admin_read_elevation: bool,
}

/// How a key is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPolicy {
    /// By the owner in person: with the external signer, or else by the owner's passphrase.
    Biometric,
    /// By a passphrase.
    Passcode,
    /// By nothing but the mode of a file.
    Open,
}

/// The sets of settings that `init` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Per-chat identities; reading messages waits for the owner.
    Recommended,
    /// One identity, nobody is asked.
    TrustedLocal,
    /// Everything waits for the owner, and lives shorter.
    Hardened,
}

/// What a preset sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresetValues {
    /// `signet.identityMode` is `shared`, else `per-group`.
    pub shared_identity: bool,
    /// `keys.rootKeyPolicy`.
    pub root_key: KeyPolicy,
    /// `keys.operationalKeyPolicy`.
    pub operational_key: KeyPolicy,
    /// `keys.vaultKeyPolicy`.
    pub vault_key: KeyPolicy,
    /// `[biometricGating]`.
    pub gates: Gates,
    /// `credentials.defaultTtlSeconds`.
    pub default_ttl_secs: u32,
    /// `credentials.maxConcurrentPerOperator`.
    pub max_concurrent: u32,
    /// `credentials.actionExpirySeconds`.
    pub action_expiry_secs: u32,
}

/// Who can say yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ApproverKind {
    /// The owner's passphrase at the controlling terminal.
    Terminal,
    /// The program that holds the root key.
    ExternalSigner,
}

/// Whether an approver can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Now.
    Ready,
    /// Not in this process, but it is set up; why not now.
    Later(String),
    /// Not at all; why.
    Missing(String),
}

/// Steps are to wait for somebody who cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody can approve {}: {}", list(operations), reasons(approvers))]
pub struct Infeasible {
    /// The steps.
    pub operations: Vec<Operation>,
    /// Who was looked for, and why each will not do.
    pub approvers: Vec<(ApproverKind, Readiness)>,
}

impl Operation {
    /// Those that wait whatever is configured.
    pub const ALWAYS: [Self; 5] = [
        Self::WalletBackup,
        Self::ActionApproval,
        Self::RevealApproval,
        Self::SuperadminCreation,
        Self::AdminTokenCreation,
    ];

    /// Those that have a switch.
    pub const SWITCHED: [Self; 6] = [
        Self::RootKeyCreation,
        Self::OperationalKeyRotation,
        Self::ScopeExpansion,
        Self::EgressExpansion,
        Self::AgentCreation,
        Self::AdminReadElevation,
    ];
}

impl Gates {
    /// All of them on.
    pub const ALL: Self = Self {
        root_key_creation: true,
        operational_key_rotation: true,
        scope_expansion: true,
        egress_expansion: true,
        agent_creation: true,
        admin_read_elevation: true,
    };

    /// Whether `operation` waits for the owner.
    #[must_use]
    pub fn holds(&self, operation: Operation) -> bool {
        match operation {
            Operation::RootKeyCreation => self.root_key_creation,
            Operation::OperationalKeyRotation => self.operational_key_rotation,
            Operation::ScopeExpansion => self.scope_expansion,
            Operation::EgressExpansion => self.egress_expansion,
            Operation::AgentCreation => self.agent_creation,
            Operation::AdminReadElevation => self.admin_read_elevation,
            Operation::WalletBackup
            | Operation::ActionApproval
            | Operation::RevealApproval
            | Operation::SuperadminCreation
            | Operation::AdminTokenCreation => true,
        }
    }

    /// Whether each step that waits has somebody who can be asked, before anything is written: for those in `at_once` now, for
    /// the others some day.
    ///
    /// # Errors
    /// [`Infeasible`] with the steps and the reason of each approver.
    pub fn feasible(&self, at_once: &[Operation], approvers: &[(ApproverKind, Readiness)]) -> Result<(), Infeasible> {
        let ready = approvers.iter().any(|(_, readiness)| *readiness == Readiness::Ready);
        let some_day = approvers
            .iter()
            .any(|(_, readiness)| !matches!(readiness, Readiness::Missing(_)));
        let stuck = |operation: &Operation| match at_once.contains(operation) {
            true => !ready,
            false => !some_day,
        };
        let held = Operation::SWITCHED
            .into_iter()
            .filter(|operation| self.holds(*operation));
        let operations: Vec<_> = held.filter(stuck).collect();
        if operations.is_empty() {
            Ok(())
        } else {
            Err(Infeasible {
                operations,
                approvers: approvers.to_vec(),
            })
        }
    }
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Recommended, Self::TrustedLocal, Self::Hardened];

    /// The preset of this name; `None` when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::TrustedLocal => "trusted-local",
            Self::Hardened => "hardened",
        }
    }

    /// What it is, in a line.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Recommended => "per-chat isolation with owner-gated sensitive reads",
            Self::TrustedLocal => "shared identity mode with lower ceremony for trusted local tests",
            Self::Hardened => "per-chat isolation with stricter approval and shorter-lived defaults",
        }
    }

    /// What it sets (signet spec 9.3).
    #[must_use]
    pub fn values(self) -> PresetValues {
        let recommended = PresetValues {
            shared_identity: false,
            root_key: KeyPolicy::Biometric,
            operational_key: KeyPolicy::Open,
            vault_key: KeyPolicy::Open,
            gates: Gates {
                admin_read_elevation: true,
                ..Gates::default()
            },
            default_ttl_secs: 3600,
            max_concurrent: 3,
            action_expiry_secs: 300,
        };
        match self {
            Self::Recommended => recommended,
            Self::TrustedLocal => PresetValues {
                shared_identity: true,
                gates: Gates::default(),
                default_ttl_secs: 43_200,
                max_concurrent: 6,
                action_expiry_secs: 1800,
                ..recommended
            },
            Self::Hardened => PresetValues {
                vault_key: KeyPolicy::Passcode,
                gates: Gates::ALL,
                default_ttl_secs: 900,
                max_concurrent: 1,
                action_expiry_secs: 120,
                ..recommended
            },
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootKeyCreation => "making the root key",
            Self::OperationalKeyRotation => "rotating an operational key",
            Self::ScopeExpansion => "widening scopes",
            Self::EgressExpansion => "widening egress",
            Self::AgentCreation => "setting an agent up",
            Self::AdminReadElevation => "reading messages as admin",
            Self::WalletBackup => "showing the words of a wallet",
            Self::ActionApproval => "letting an agent do what it asked to do",
            Self::RevealApproval => "showing an agent what is hidden from it",
            Self::SuperadminCreation => "making a superadmin",
            Self::AdminTokenCreation => "making a token for an admin",
        })
    }
}

impl fmt::Display for ApproverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminal => "the owner's passphrase at a terminal",
            Self::ExternalSigner => "the external signer",
        })
    }
}

fn list(operations: &[Operation]) -> String {
    let names: Vec<_> = operations.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn reasons(approvers: &[(ApproverKind, Readiness)]) -> String {
    let reason = |(kind, readiness): &(ApproverKind, Readiness)| match readiness {
        Readiness::Ready => format!("{kind} is ready"),
        Readiness::Later(why) | Readiness::Missing(why) => format!("{kind}: {why}"),
    };
    let reasons: Vec<_> = approvers.iter().map(reason).collect();
    if reasons.is_empty() {
        "no approver is set up".to_owned()
    } else {
        reasons.join("; ")
    }
}

impl ErrorCode for Infeasible {
    fn code(&self) -> &'static str {
        "KEYS_GATES_INFEASIBLE"
    }

    fn category(&self) -> Category {
        Category::Forbidden
    }

    fn hint(&self) -> Option<&'static str> {
        Some("run it at a terminal, name a signer in SIGNET_SIGNER_PATH, or turn these gates off")
    }
}
