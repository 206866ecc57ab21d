//! The owner's passphrase at the controlling terminal.
//!
//! The terminal is opened itself: what comes through stdin is no answer. The passphrase opens the owner's vault, from which the
//! root key is derived for one signature and forgotten.

use std::path::PathBuf;

use chancery_base::json;
use chancery_keys::{Approval, ApprovalError, ApproverKind, Readiness, Request, RootKey};
use chancery_terminal::{Failure, harmless, prompt};
use chancery_vault::{Secret, VaultError, check_passphrase};
use serde::Serialize;

use crate::approve::Approver;
use crate::error::CustodyError;
use crate::owner;
use crate::places::Places;

/// How often a passphrase may be mistyped. Each attempt costs what Argon2id costs.
const ATTEMPTS: usize = 3;

/// Asks at the terminal that controls this process.
#[derive(Debug, Clone)]
pub struct AtTerminal {
    vault: PathBuf,
    root: RootKey,
}

impl AtTerminal {
    /// Asks for the passphrase of the owner's vault, whose root key is to be `root`.
    #[must_use]
    pub fn new(places: &Places, root: RootKey) -> Self {
        Self {
            vault: places.owner_vault(),
            root,
        }
    }
}

impl Approver for AtTerminal {
    fn kind(&self) -> ApproverKind {
        ApproverKind::Terminal
    }

    fn readiness(&self) -> Readiness {
        match self.vault.symlink_metadata() {
            Ok(_) => readiness(),
            Err(_) => Readiness::Missing("there is no owner's vault".to_owned()),
        }
    }

    fn approve(&self, request: &Request) -> Result<Approval, CustodyError> {
        let hash = request.hash()?;
        let mut question = question(request)?;
        for _ in 0..ATTEMPTS {
            let typed = prompt::secret(&question).map_err(CustodyError::prompt)?;
            match owner::open(&self.vault, &Secret::from(typed.as_str())) {
                Ok(root) if root.public() != self.root => return Err(CustodyError::RootChanged),
                Ok(root) => {
                    let signature = root.sign(&hash).map_err(|_| CustodyError::RootChanged)?;
                    return Ok(Approval {
                        request: request.id,
                        signature,
                    });
                }
                Err(CustodyError::Vault(VaultError::WrongKey)) => {
                    "That is not it. Owner's passphrase:".clone_into(&mut question);
                }
                Err(error) => return Err(error),
            }
        }
        Err(CustodyError::WrongPassphrase)
    }
}

/// What the owner is shown. Everything that others may have written is JSON, so that it takes one line and cannot pass for a
/// line of ours.
fn question(request: &Request) -> Result<String, CustodyError> {
    let what = &request.what;
    let mut lines = vec![
        "The signet asks for the owner's approval:".to_owned(),
        format!("  of          {}", what.operation),
        format!("  action      {}", json(&what.action)?),
        format!("  parameters  {}", json(&what.parameters)?),
    ];
    let depends = [
        ("credential", &what.credential),
        ("policy", &what.policy_version),
        ("seal", &what.seal_id),
    ];
    for (name, value) in depends {
        if let Some(value) = value {
            lines.push(format!("  {name:<10}  {}", json(value)?));
        }
    }
    lines.push(format!("  until       {}", request.expires_at));
    lines.push("Owner's passphrase:".to_owned());
    Ok(harmless(&lines.join("\n")).into_owned())
}

fn json(value: &impl Serialize) -> Result<String, CustodyError> {
    json::canonical(value).map_err(|_| CustodyError::Approval(ApprovalError::Parameters))
}

/// Whether there is a terminal.
pub(crate) fn readiness() -> Readiness {
    if prompt::is_possible() {
        Readiness::Ready
    } else {
        Readiness::Later("this process has no terminal".to_owned())
    }
}

/// Asks for the owner's passphrase: twice for one that is `new`.
pub(crate) fn passphrase(new: bool) -> Result<Secret, CustodyError> {
    let typed = match new {
        true => {
            let fits = |text: &str| Ok(check_passphrase(&Secret::from(text)).map_err(CustodyError::from)?);
            let typed: Result<_, Asked> = prompt::new_secret_that("New passphrase of the owner:", fits);
            typed.map_err(|asked| asked.0)?
        }
        false => prompt::secret("Owner's passphrase:").map_err(CustodyError::prompt)?,
    };
    Ok(Secret::from(typed.as_str()))
}

/// What a question that is asked twice ends with.
struct Asked(CustodyError);

impl From<Failure> for Asked {
    fn from(failure: Failure) -> Self {
        Self(CustodyError::prompt(failure))
    }
}

impl From<CustodyError> for Asked {
    fn from(error: CustodyError) -> Self {
        Self(error)
    }
}
