//! What a command works with.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use chancery_audit::Chain;
use chancery_base::{
    Clock, Millis, Rng,
    ed25519::{PublicKey, SecretKey},
};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_skills::{Revoked, Settings, Skills};
use chancery_store::files;
use chancery_terminal::{Failure, Output, prompt};
use chancery_vault::{KeySource, Opening, Status, Vault, VaultError, v1};
use serde::Serialize;

use crate::{
    CliError, Code, Home, Result,
    cli::Global,
    owner,
    passphrase::{self, Given, PASSPHRASE_FILE},
};

/// Files, streams, clock, randomness and the way to the passphrase of one run.
pub struct Context {
    /// Where results and notices go.
    pub output: Arc<Output>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    home: Home,
    passphrase: Option<Given>,
}

impl Context {
    /// A context for the files under the home directory `home`. Without `passphrase` it is asked for on the terminal.
    #[must_use]
    pub fn new(home: &Path, passphrase: Option<Given>, output: Arc<Output>) -> Self {
        Self {
            output,
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
            home: Home::below(home),
            passphrase,
        }
    }

    /// What options and variables of this process say.
    ///
    /// # Errors
    /// [`Code::HomeRequired`]; [`Code::SecretBare`].
    pub fn of_process(global: &Global, output: Arc<Output>) -> Result<Self> {
        // paths, which need not be text
        let home = global
            .home_dir
            .clone()
            .or_else(|| std::env::var_os("HOME").map(PathBuf::from));
        let home = home.filter(|home| !home.as_os_str().is_empty());
        let home = home.ok_or_else(|| CliError::new(Code::HomeRequired, "HOME is not set"))?;
        let home = std::path::absolute(&home).unwrap_or(home);
        let from_variable = || {
            let path = std::env::var(PASSPHRASE_FILE).ok().filter(|path| !path.is_empty());
            path.map(Given::File)
        };
        let passphrase = global.passphrase.clone().or_else(from_variable);
        if passphrase == Some(Given::Bare) {
            Given::Bare.line()?;
        }
        Ok(Self::new(&home, passphrase, output))
    }

    /// The files.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Where the passphrase was said to be, if anywhere.
    #[must_use]
    pub fn given_passphrase(&self) -> Option<&Given> {
        self.passphrase.as_ref()
    }

    /// The vault, with the passphrase.
    ///
    /// # Errors
    /// Those of [`Vault::open`], exit code 9; `TERMINAL_REQUIRED` where nobody can be asked for the passphrase.
    pub fn open_vault(&self) -> Result<Vault> {
        self.open_vault_as(&Opening::default())
    }

    /// The same, asking for what `opening` says.
    ///
    /// # Errors
    /// As [`open_vault`](Self::open_vault).
    pub fn open_vault_as(&self, opening: &Opening) -> Result<Vault> {
        // before anybody is asked for a passphrase that would open nothing
        if self.vault_status()?.format == v1::VERSION {
            return Err(VaultError::Unsupported { found: v1::VERSION }.into());
        }
        self.warn_if_wide();
        let passphrase = passphrase::known(self.given_passphrase(), "Passphrase of the vault:")?;
        let source = KeySource::Passphrase(passphrase);
        Ok(Vault::open_as(&self.home.vault(), &source, opening)?)
    }

    /// Warns when others may read the file with the passphrase. It may be meant so, as in a container with one user.
    fn warn_if_wide(&self) {
        if let Some(Given::File(path)) = self.given_passphrase()
            && files::is_private(Path::new(path)).is_ok_and(|private| !private)
        {
            self.output.warn(format_args!(
                "others may read {path}, and the passphrase in it; chmod go-rwx it"
            ));
        }
    }

    /// What can be told of the vault without the passphrase.
    ///
    /// # Errors
    /// Those of [`Status::of`], exit code 9.
    pub fn vault_status(&self) -> Result<Status> {
        let path = self.home.vault();
        if !self.home.dir().exists() {
            return Err(VaultError::NotFound(path).into());
        }
        Ok(Status::of(&path)?)
    }

    /// The owner's key, which a decision is signed with: the vault's, and the pinned one.
    ///
    /// # Errors
    /// Those of [`open_vault`](Self::open_vault); [`Code::NotOnboarded`], [`Code::OwnerChanged`].
    pub fn unlock(&self) -> Result<Unlocked> {
        let pinned = self.owner_key()?;
        let vault = self.open_vault()?;
        let owner = owner::key(&vault)?;
        if owner.public() == pinned {
            Ok(Unlocked { vault, owner })
        } else {
            Err(CliError::new(
                Code::OwnerChanged,
                "the owner key of the vault is not the one that is pinned in owner.pub",
            ))
        }
    }

    /// The owner's public key, as it was pinned.
    ///
    /// # Errors
    /// [`Code::NotOnboarded`]; [`Code::KeyInvalid`] when the file holds something else.
    pub fn owner_key(&self) -> Result<PublicKey> {
        owner::pinned(&self.home)
    }

    /// The engine, for looking at what is there and for taking back. It installs and grants nothing: that is signed, see
    /// [`skills_as_owner`](Self::skills_as_owner).
    ///
    /// # Errors
    /// [`Code::NotOnboarded`]; those of [`Skills::open`].
    pub fn skills(&self) -> Result<Skills> {
        self.engine(self.owner_key()?, Chain::new())
    }

    /// The engine, for what the owner decides: every decision is followed by a signed checkpoint of the audit chain, because
    /// only now is there a key to sign it.
    ///
    /// # Errors
    /// Those of [`Skills::open`].
    pub fn skills_as_owner(&self, owner: &SecretKey) -> Result<Skills> {
        let chain = Chain::new().with_notary(1, Arc::new(owner.clone()));
        self.engine(owner.public(), chain)
    }

    /// The keys that are revoked here, by you or by a list that you took.
    ///
    /// # Errors
    /// Those of [`skills`](Self::skills).
    pub fn revoked_keys(&self) -> Result<BTreeSet<String>> {
        let skills = self.skills()?;
        let here = skills.revocations()?.into_iter().map(|revocation| revocation.what);
        let lists = skills.revocation_lists()?.into_iter().flat_map(|list| list.entries);
        let key = |revoked| match revoked {
            Revoked::Key { keyid } => Some(keyid),
            _ => None,
        };
        Ok(here.chain(lists).filter_map(key).collect())
    }

    fn engine(&self, owner: PublicKey, audit: Chain) -> Result<Skills> {
        let mut settings = Settings::new(Arc::clone(&self.clock), Arc::clone(&self.rng), owner);
        settings.audit = audit;
        Ok(Skills::open(self.home.dir(), settings)?)
    }

    /// Asks whether to go on with what cannot be undone, unless `yes` says so already. This is against slips of the hand;
    /// what gives anything to a skill asks for the passphrase instead.
    ///
    /// # Errors
    /// [`Code::Denied`]; `TERMINAL_REQUIRED` where nobody can be asked.
    pub fn confirm(&self, yes: bool, question: &str) -> Result<()> {
        let asked = || {
            prompt::confirm(question).map_err(|failure| match failure.code.as_str() {
                "TERMINAL_REQUIRED" => failure.with_hint("pass --yes"),
                _ => failure,
            })
        };
        if yes || asked()? {
            Ok(())
        } else {
            Err(CliError::new(Code::Denied, "nothing was changed"))
        }
    }

    /// Shows the result of a command: `value` as JSON, or `lines`.
    ///
    /// # Errors
    /// When stdout is gone.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, lines: &[String]) -> Result<()> {
        Ok(self
            .output
            .show(value, lines)
            .map_err(|error| Failure::stdout(&error))?)
    }
}

/// What a passphrase opened.
#[derive(Debug)]
pub struct Unlocked {
    /// The vault.
    pub vault: Vault,
    /// The owner's key.
    pub owner: SecretKey,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}
