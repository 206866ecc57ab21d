//! `xs init`: the configuration and the keys, once.

use std::{
    fs::{self, DirBuilder, File},
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use chancery_custody::{
    Initialized, KeyHolder, PASSPHRASE_FILE, Places, Plan, RootPlan, approve::Signer, init as make_keys,
};
use chancery_keys::{KeyPolicy, Preset};
use chancery_signet_config::{ApproverChoice, Config, Environment, Loaded, New, new_file};
use chancery_signet_wire::{Label, record::status::XmtpEnv};
use chancery_terminal::{prompt, secret};
use chancery_vault::{KeySource, Secret};
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser as _};
use serde::Serialize;

use crate::{
    Problem,
    arguments::secret_at,
    context::Context,
    custody::refused,
    problem::Result,
    system::{OsRng, SystemClock},
    view::View,
};

/// Names a file with the owner's passphrase.
const OWNER_PASSPHRASE_FILE: &str = "XMTP_SIGNET_OWNER_PASSPHRASE_FILE";
/// The one variable that counts for an `init`: where this run puts its files. It is not written into the configuration.
const DATA_DIR: &str = "XMTP_SIGNET_DATA_DIR";

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xs init
  xs init --env dev --label owner
  xs init trusted-local --env local
  xs init hardened --env production --label owner

Presets:
  recommended    per-chat isolation with owner-gated sensitive reads
  trusted-local  shared identity mode with lower ceremony for trusted local tests
  hardened       per-chat isolation with stricter approval and shorter-lived defaults

                                        recommended  trusted-local  hardened
  signet.identityMode                   per-group    shared         per-group
  keys.vaultKeyPolicy                   open         open           passcode
  biometricGating.adminReadElevation    on           off            on
  biometricGating, the five others      off          off            on
  credentials.defaultTtlSeconds         3600         43200          900
  credentials.maxConcurrentPerOperator  3            6              1
  credentials.actionExpirySeconds       300          1800           120

The owner's passphrase is asked for at the terminal, twice the first time. With it the owner decides; it opens nothing else.
SIGNET_SIGNER_PATH names a program that holds the root key instead.")]
pub struct Arguments {
    /// What to begin with; without one, and where there is no configuration yet, it is recommended
    #[arg(value_parser = PossibleValuesParser::new(["recommended", "trusted-local", "hardened"])
        .try_map(|name| Preset::named(&name).ok_or("there is no such preset")))]
    preset: Option<Preset>,
    /// Which network: local, dev or production
    #[arg(long)]
    env: Option<XmtpEnv>,
    /// The name that groups see, unless one is configured
    #[arg(long, value_name = "NAME")]
    label: Option<Label>,
    /// Where the owner's passphrase is, instead of asking for it: - is one line of stdin, @FILE the first line of a file. It is
    /// not enough where making the root key waits for the owner
    #[arg(long, value_name = "-|@FILE", allow_hyphen_values = true)]
    owner_passphrase: Option<String>,
}

/// What was made or found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    initialized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset_description: Option<&'static str>,
    config_path: &'a Path,
    config_written: bool,
    onboarding_scheme: String,
    root_public_key: String,
    operational_key_id: String,
    admin_key_fingerprint: String,
    env: XmtpEnv,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a Label>,
    platform: String,
    data_dir: &'a Path,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let config_path = context.config_path();
    let existing = match fs::read_to_string(&config_path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("read", &config_path, &error)),
    };
    let new = New {
        preset: arguments.preset,
        env: arguments.env,
        label: arguments.label.as_ref(),
    };
    let text = new_file(existing.as_deref(), &new)?;
    let config = effective(text.as_deref().or(existing.as_deref()), context)?;
    if let Some(env) = arguments.env.filter(|env| *env != config.signet.env) {
        let reason = format!("{} says {}", config_path.display(), config.signet.env);
        return Err(
            Problem::argument("--env", reason).with_hint(format!("write env = \"{env}\" there, or name a preset"))
        );
    }
    let preset = arguments
        .preset
        .or_else(|| existing.is_none().then_some(Preset::Recommended));
    let paths = context.places().configured(&config);
    let places = Places::in_dir(paths.data().path()).with_owner(paths.owner());
    context.output.note(format_args!(
        "Setting up the signet for {} in {} …",
        config.signet.env,
        paths.data().path().display()
    ));
    // keys before the configuration: an owner who says no has nothing written
    let made = keys(arguments, &config, &places, context)?;
    if let Some(text) = &text {
        write(&config_path, text)?;
    }
    let data = paths.data();
    let custody = &made.custody;
    let operational = custody.key(&KeyHolder::default_key()).map_err(refused)?;
    let answer = Answer {
        initialized: true,
        preset: preset.map(Preset::name),
        preset_description: preset.map(Preset::description),
        config_path: &config_path,
        config_written: text.is_some(),
        onboarding_scheme: config.onboarding.scheme.to_string(),
        root_public_key: custody.root().public_key.to_string(),
        operational_key_id: operational.key_id,
        admin_key_fingerprint: custody.admin_fingerprint().map_err(refused)?,
        env: config.signet.env,
        label: config.defaults.profile_name.as_ref(),
        platform: custody.root().platform.to_string(),
        data_dir: data.path(),
    };
    context.output.value(&answer, View::Auto)?;
    if config.signet.env != XmtpEnv::Local {
        context
            .output
            .note("An inbox is registered once the daemon runs: xs daemon start --daemon, then xs inbox create");
    }
    Ok(())
}

/// What the file says; of the variables only where this run puts its files.
fn effective(text: Option<&str>, context: &Context) -> Result<Config> {
    let data_dir = context.environment.get(DATA_DIR).map(|value| (DATA_DIR, value));
    Ok(Loaded::read(text, &Environment::from_iter(data_dir))?.config)
}

fn keys(arguments: &Arguments, config: &Config, places: &Places, context: &Context) -> Result<Initialized> {
    let plan = Plan {
        places: places.clone(),
        vault: vault(config, places, context)?,
        root: root(arguments, config, context)?,
        gates: config.biometric_gating,
    };
    make_keys(&plan, &SystemClock, &OsRng).map_err(refused)
}

/// What opens the daemon's vault.
fn vault(config: &Config, places: &Places, context: &Context) -> Result<KeySource> {
    if config.keys.vault_key_policy == KeyPolicy::Open {
        return Ok(KeySource::KeyFile(places.key_file()));
    }
    if let Some(file) = context.environment.get(PASSPHRASE_FILE) {
        let passphrase = secret::from_arg(&format!("@{}", Path::new(file).display()))?;
        return Ok(KeySource::Passphrase(Secret::from(passphrase.as_str())));
    }
    let question = "Passphrase of the daemon's vault, which is asked for at each start:";
    let typed = if places.vault().exists() {
        prompt::secret(question)?
    } else {
        prompt::new_secret(question)?
    };
    Ok(KeySource::Passphrase(Secret::from(typed.as_str())))
}

/// Where the root key comes from.
fn root(arguments: &Arguments, config: &Config, context: &Context) -> Result<RootPlan> {
    let named = match config.approver.kind {
        ApproverChoice::Terminal => None,
        ApproverChoice::Auto | ApproverChoice::Signer => Signer::of_process().map_err(refused)?,
    };
    if let Some(signer) = named {
        return Ok(RootPlan::Signer {
            signer,
            policy: config.keys.root_key_policy,
        });
    }
    if config.approver.kind == ApproverChoice::Signer {
        let reason = "it is signer, and SIGNET_SIGNER_PATH names none";
        return Err(Problem::argument("approver.kind", reason));
    }
    let file = context.environment.get(OWNER_PASSPHRASE_FILE);
    let from_variable = || file.map(|file| format!("@{}", Path::new(file).display()));
    match arguments.owner_passphrase.clone().or_else(from_variable) {
        Some(place) => {
            let passphrase = secret_at("--owner-passphrase", &place)?;
            Ok(RootPlan::Passphrase(Secret::from(passphrase.as_str())))
        }
        None => Ok(RootPlan::AtTerminal),
    }
}

/// Writes the configuration as one step, mode 0600, in a folder of mode 0700 where there is none.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: &std::io::Error| failed("write", path, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    // the name, too, has to be on the disk
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(&error))
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem::internal(format!("cannot {action} {}: {error}", path.display()))
}
