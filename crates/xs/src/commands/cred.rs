//! `xs cred`: credentials, what harnesses are let in with.

use chancery_base::{b64, ed25519::PublicKey};
use chancery_policy::messaging::{ContentTypeId, Scopes};
use chancery_signet_wire::{
    Positive, Reference,
    action::{
        Call,
        input::{ByCredential, CredentialIssue, CredentialList, CredentialRevoke, CredentialUpdateScopes, ScopeChange},
    },
    record::credential::RevocationReason,
};
use clap::{Args, Subcommand};

use crate::{
    Problem,
    arguments::{given, list, none_if_empty, positive, quoted, scopes},
    problem::Result,
    step::Step,
    view::View,
};

const COLUMNS: View = View::Table(&[
    ("id", "id"),
    ("operator", "config.operatorId"),
    ("chats", "config.chatIds"),
    ("policy", "config.policyId"),
    ("status", "status"),
    ("expires", "expiresAt"),
]);

/// Keep credentials.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Issue a credential; its token is shown this once
    #[command(after_help = "Examples:
  xs cred issue --op support-bot --chat conv_9e2d --policy helper --ttl 86400
  xs cred issue --op team --chat conv_9e2d,conv_1a2b --allow send,reply --harness-uid 1001")]
    Issue(Box<Issue>),
    /// List the credentials that are in force
    #[command(after_help = "Examples:\n  xs cred list\n  xs cred list --op op_a7f3 --all")]
    List {
        /// Only those of this operator
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
        /// Those too that are no longer in force
        #[arg(long)]
        all: bool,
    },
    /// Show a credential: operator, chats, scopes in effect, content types, time
    #[command(after_help = "Examples:\n  xs cred info cred_b2c1")]
    Info {
        /// The credential
        #[arg(value_name = "CREDENTIAL")]
        credential: Reference,
    },
    /// Change what a credential allows. Less acts at once; more needs a new credential
    #[command(after_help = "Examples:
  xs cred update cred_b2c1 --deny forward-to-provider
  xs cred update cred_b2c1 --policy policy_restricted")]
    Update {
        /// The credential
        #[arg(value_name = "CREDENTIAL")]
        credential: Reference,
        /// What it allows beside its policy; as before when left out
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        allow: Option<Scopes>,
        /// What it denies; as before when left out
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        deny: Option<Scopes>,
        /// Another policy
        #[arg(long)]
        policy: Option<Reference>,
    },
    /// Take a credential back, for good
    #[command(after_help = "Examples:
  xs cred revoke cred_b2c1
  xs cred revoke cred_b2c1 --force --reason policy-violation")]
    Revoke {
        /// The credential
        #[arg(value_name = "CREDENTIAL")]
        credential: Reference,
        /// Do it; otherwise it is only said what would be done
        #[arg(long)]
        force: bool,
        /// Why: owner-initiated, credential-expired, heartbeat-timeout, policy-violation or reauthorization-required
        #[arg(long)]
        reason: Option<RevocationReason>,
    },
}

/// What a credential is made of.
#[derive(Debug, Args)]
pub struct Issue {
    /// Whose it is
    #[arg(long, value_name = "OPERATOR")]
    op: Reference,
    /// The chats that it covers: with commas between them, or several times
    #[arg(long, value_name = "CHAT", required = true, value_delimiter = ',')]
    chat: Vec<Reference>,
    /// The policy whose scopes it has
    #[arg(long)]
    policy: Option<Reference>,
    /// What it allows beside the policy, with commas between them
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    allow: Option<Scopes>,
    /// What it denies, which always wins
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    deny: Option<Scopes>,
    /// How long it lasts, seconds
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    ttl: Option<Positive>,
    /// The content types that it is limited to, with commas between them
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    content_types: Vec<ContentTypeId>,
    /// The Ed25519 key, in base64url, that each connection has to prove to hold
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    harness_key: Option<PublicKey>,
    /// The uid that a local harness has to run under
    #[arg(long, value_name = "UID")]
    harness_uid: Option<u32>,
}

fn public_key(text: &str) -> std::result::Result<PublicKey, String> {
    let expected = || "expected 32 bytes in base64url".to_owned();
    let bytes = b64::decode_array(text).map_err(|_| expected())?;
    PublicKey::from_bytes(&bytes).map_err(|error| error.to_string())
}

impl Group {
    pub(crate) fn step(self) -> Result<Step> {
        Ok(match self {
            Self::Issue(issue) => Step::ask(Call::CredentialIssue(issue.input()?), View::Auto),
            Self::List { op, all } => {
                let input = CredentialList {
                    operator_id: op,
                    all: given(all),
                };
                Step::ask(Call::CredentialList(input), COLUMNS)
            }
            Self::Info { credential } => {
                let input = ByCredential {
                    credential_id: credential,
                };
                Step::ask(Call::CredentialLookup(input), View::Auto)
            }
            Self::Update {
                credential,
                allow,
                deny,
                policy,
            } => {
                if allow.is_none() && deny.is_none() && policy.is_none() {
                    return Err(Problem::argument(
                        "cred update",
                        "give at least one of --allow, --deny and --policy",
                    ));
                }
                let change = ScopeChange { allow, deny };
                let input = CredentialUpdateScopes {
                    credential_id: credential,
                    scopes: (change != ScopeChange::default()).then_some(change),
                    policy_id: policy,
                };
                Step::ask(Call::CredentialUpdateScopes(input), View::Auto)
            }
            Self::Revoke {
                credential,
                force,
                reason,
            } => {
                let what = format!(
                    "revoke credential {}, close its connections and tell its chats",
                    quoted(&credential)
                );
                let input = CredentialRevoke {
                    credential_id: credential,
                    reason,
                };
                Step::destroy(force, what, Call::CredentialRevoke(input))
            }
        })
    }
}

impl Issue {
    fn input(self) -> Result<CredentialIssue> {
        let types = none_if_empty(self.content_types);
        Ok(CredentialIssue {
            operator_id: self.op,
            chat_ids: list("--chat", self.chat)?,
            policy_id: self.policy,
            allow: self.allow,
            deny: self.deny,
            ttl_seconds: self.ttl,
            content_types: types.map(|types| list("--content-types", types)).transpose()?,
            harness_key: self.harness_key,
            harness_uid: self.harness_uid,
        })
    }
}
