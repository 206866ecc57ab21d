//! `clawdentity doctor`: looks at this machine's setup and says what is wrong.

use std::path::{Path, PathBuf};

use chancery_base::Millis;
use chancery_identity::{crl, proof::MAX_SKEW_SECS};
use chancery_networks::RegistryClient;
use chancery_store::files;
use chancery_terminal::checks::{Check, Report, Status};
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    env,
    error::{CliError, Result},
    state::{
        agent::{self, AgentDir},
        config::{self, Config, ServerUrl},
        connectors::Assignments,
        peers::Peers,
        select::State,
    },
};

/// Difference between the clocks from which on it is worth a word, seconds: half of it may be the network.
const SKEW_WARN_SECS: i64 = 30;
/// Life left of an identity token from which on it is worth a word, milliseconds.
const EXPIRY_WARN_MS: i64 = 3 * 24 * 3600 * 1000;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing. Exit code 1 when something is wrong; warnings alone are exit code 0.

Examples:
  clawdentity doctor
  clawdentity doctor --json"
)]
pub struct Arguments {}

#[derive(Serialize)]
struct View<'a> {
    status: &'a str,
    checks: &'a [Check],
}

/// Runs it.
///
/// # Errors
/// [`Code::DoctorUnhealthy`] when something is wrong.
pub async fn run(_: &Arguments, context: &Context) -> Result<()> {
    let mut report = Report::default();
    match context.root().select(&context.env, None) {
        Ok(state) => look(context, &state, &mut report).await,
        Err(error) => report.failed("config.file", "Configuration", &error),
    }
    let healthy = report.is_healthy();
    let checks = report.checks;
    let status = if healthy { "healthy" } else { "unhealthy" };
    let mut human = vec![format!("Doctor: {status}")];
    for check in &checks {
        let mark = match check.status {
            Status::Pass => "ok",
            Status::Warn => "warning",
            Status::Fail => "FAILED",
        };
        human.push(format!("- [{}] {}: {mark}: {}", check.id, check.label, check.message));
        human.extend(check.remediation_hint.as_ref().map(|hint| format!("  fix: {hint}")));
    }
    context.show(
        &View {
            status,
            checks: &checks,
        },
        &human,
    )?;
    if healthy {
        Ok(())
    } else {
        Err(CliError::new(Code::DoctorUnhealthy, "something is wrong").shown())
    }
}

async fn look(context: &Context, state: &State, report: &mut Report) {
    let config = state.config(&context.env);
    look_at_config(state, &config, report);
    look_at_modes(context, report);
    let revoked = look_at_servers(context, state, &config, report).await;
    let names = AgentDir::names(&state.dir);
    if names.is_empty() {
        report.warn(
            "agents",
            "Agents",
            "there are none",
            "run `clawdentity agent create <NAME>`",
        );
    }
    for name in names {
        look_at_agent(context, &AgentDir::new(&state.dir, name), revoked.as_ref(), report);
    }
    match Peers::load(&state.dir) {
        Ok(peers) => report.pass(
            "state.peers",
            "Paired peers",
            format!("{} paired peer(s) configured", peers.peers.len()),
        ),
        Err(error) => report.failed("state.peers", "Paired peers", &error),
    }
    if let Err(error) = Assignments::load(&state.dir) {
        report.failed("state.connectors", "Connector assignments", &error);
    }
}

fn look_at_config(state: &State, config: &Config, report: &mut Report) {
    let path = state.path(config::FILE);
    if path.exists() {
        report.pass("config.file", "Configuration", path.display().to_string());
    } else {
        let hint = "run `clawdentity config init`, or `clawdentity invite redeem`";
        report.warn(
            "config.file",
            "Configuration",
            format!("missing {}", path.display()),
            hint,
        );
    }
    let registry = state.registry.origin();
    if registry.is_https() || registry.is_loopback() {
        report.pass("config.registry", "Registry URL", state.registry.text());
    } else {
        let text = format!(
            "{} is plain http to another machine, which is refused",
            state.registry.text()
        );
        report.fail("config.registry", "Registry URL", text, "use https");
    }
    match &config.api_key {
        Some(_) => report.pass("config.apiKey", "API key", "configured"),
        None => report.warn(
            "config.apiKey",
            "API key",
            "not configured",
            "run `clawdentity invite redeem`",
        ),
    }
    match &config.human_name {
        Some(name) => report.pass("config.humanName", "Your name", name.clone()),
        None => {
            let hint = "run `clawdentity config set humanName <NAME>`; pairing needs it";
            report.warn("config.humanName", "Your name", "not configured", hint);
        }
    }
}

/// Every file under the root must be the owner's alone.
fn look_at_modes(context: &Context, report: &mut Report) {
    let (mut wide, mut unreadable) = (Vec::new(), Vec::new());
    walk(context.root().dir(), &mut wide, &mut unreadable);
    for (path, error) in unreadable {
        report.fail(
            "state.modes",
            "File modes",
            format!("{}: {error}", path.display()),
            "check who owns it",
        );
    }
    if wide.is_empty() {
        report.pass("state.modes", "File modes", "nobody else may read or write our files");
        return;
    }
    for path in wide {
        let text = format!("{} can be read or written by others", path.display());
        report.fail(
            "state.modes",
            "File modes",
            text,
            &format!("chmod go-rwx '{}'", path.display()),
        );
    }
}

fn walk(path: &Path, wide: &mut Vec<PathBuf>, unreadable: &mut Vec<(PathBuf, String)>) {
    // a link is judged by what it leads to, and not followed into
    match files::is_private(path) {
        Ok(true) => {}
        // the published client makes directories 0755; what counts is in the files
        Ok(false) if path.is_dir() && is_old_layout(path) => {}
        Ok(false) => wide.push(path.to_owned()),
        Err(error) if error.is_not_found() => return,
        Err(error) => unreadable.push((path.to_owned(), error.to_string())),
    }
    if !path.is_dir() || path.is_symlink() {
        return;
    }
    match std::fs::read_dir(path) {
        Ok(entries) => entries
            .flatten()
            .for_each(|entry| walk(&entry.path(), wide, unreadable)),
        Err(error) => unreadable.push((path.to_owned(), error.to_string())),
    }
}

fn is_old_layout(path: &Path) -> bool {
    path.ancestors().any(|above| above.join("router.json").exists())
}

/// Returns what the registry has revoked, when it says so.
async fn look_at_servers(
    context: &Context,
    state: &State,
    config: &Config,
    report: &mut Report,
) -> Option<crl::Claims> {
    const ID: &str = "registry.reachable";
    let client = match context.registry(state.registry.origin()) {
        Ok(client) => client,
        Err(error) => {
            report.failed(ID, "Registry", &error);
            return None;
        }
    };
    let metadata = match client.metadata().await {
        Ok(metadata) => metadata,
        Err(error) => {
            let error = super::METADATA.name(error);
            report.failed(ID, "Registry", &error);
            look_at_relay(context, config.proxy_url.as_deref(), report).await;
            return None;
        }
    };
    report.pass(
        ID,
        "Registry",
        format!("{} answers, version {}", state.registry.origin(), metadata.version),
    );
    if let Ok(answer) = client.health().await {
        look_at_clock(context, answer.date.as_deref(), report);
    }
    if let Some(key) = &config.api_key {
        match client.me(key).await {
            Ok(me) => report.pass(
                "registry.apiKey",
                "API key at the registry",
                format!("accepted for {}", me.human.did),
            ),
            Err(error) => {
                let text = format!("not accepted: {error}");
                report.fail(
                    "registry.apiKey",
                    "API key at the registry",
                    text,
                    "run `clawdentity config set apiKey -`",
                );
            }
        }
    }
    let revoked = look_at_revocations(context, &client, report).await;
    let own = config.proxy_url.as_deref();
    let origin = |text: &str| {
        ServerUrl::parse(text, Code::PairProxyUrlInvalid)
            .ok()
            .map(|url| url.origin().clone())
    };
    let differs = own.is_some_and(|own| origin(own) != origin(&metadata.proxy_url));
    if differs && context.env.get(env::PROXY_URL).is_none() {
        let text = format!(
            "configured is {}, the registry's is {}",
            own.unwrap_or_default(),
            metadata.proxy_url
        );
        report.fail("config.proxyUrl", "Relay URL", text, "run `clawdentity config init`");
    } else {
        report.pass("config.proxyUrl", "Relay URL", own.unwrap_or(&metadata.proxy_url));
    }
    look_at_relay(context, Some(own.unwrap_or(&metadata.proxy_url)), report).await;
    revoked
}

/// Asked for anew, because what is remembered may be older than what is to be found out.
async fn look_at_revocations(context: &Context, client: &RegistryClient, report: &mut Report) -> Option<crl::Claims> {
    const ID: &str = "registry.revocations";
    let found = match (client.keys().await, client.crl().await) {
        (Ok(keys), Ok(Some(list))) => {
            crl::verify(&list, &keys, client.origin(), context.now()).map_err(|error| error.to_string())
        }
        // an old registry that has revoked nothing
        (Ok(_), Ok(None)) => return None,
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    };
    match found {
        Ok(claims) => Some(claims),
        Err(error) => {
            let text = format!("cannot be had: {error}");
            report.warn(ID, "Revocation list", text, "ask the registry's operator");
            None
        }
    }
}

async fn look_at_relay(context: &Context, url: Option<&str>, report: &mut Report) {
    const ID: &str = "relay.reachable";
    let Some(url) = url else {
        return report.warn(ID, "Relay", "no relay URL is known", "run `clawdentity config init`");
    };
    let client = ServerUrl::parse(url, Code::PairProxyUrlInvalid).and_then(|url| context.relay(url.origin()));
    let client = match client {
        Ok(client) => client,
        Err(error) => return report.failed(ID, "Relay", &error),
    };
    match client.health().await {
        Ok(answer) if answer.is_success() => report.pass(ID, "Relay", format!("{} answers", client.origin())),
        Ok(answer) => {
            let text = format!("{} answers its health check with {}", client.origin(), answer.status);
            report.fail(ID, "Relay", text, "ask its operator");
        }
        Err(error) => report.fail(
            ID,
            "Relay",
            error.to_string(),
            "check `clawdentity config get proxyUrl`",
        ),
    }
}

fn look_at_clock(context: &Context, date: Option<&str>, report: &mut Report) {
    let Some(theirs) = date.and_then(parse_date) else {
        return;
    };
    let (ours, hint) = (context.now().secs(), "set this machine's clock, such as with NTP");
    let skew = ours - theirs;
    let text = format!("this machine is {skew} seconds ahead of the registry");
    match skew.abs() {
        off if off > MAX_SKEW_SECS => report.fail("clock", "Clock", format!("{text}: its requests are refused"), hint),
        off if off > SKEW_WARN_SECS => report.warn("clock", "Clock", text, hint),
        _ => report.pass("clock", "Clock", text),
    }
}

/// Unix seconds of an HTTP date (RFC 9110 section 5.6.7, the form that servers must send).
fn parse_date(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Millis::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).map(Millis::secs)
}

fn look_at_agent(context: &Context, agent: &AgentDir, revoked: Option<&crl::Claims>, report: &mut Report) {
    let label = format!("Agent {}", agent.name());
    let recreate = format!(
        "restore it, or move {} away and run `clawdentity agent create {}`",
        agent.dir().display(),
        agent.name()
    );
    let mut fine = true;
    let mut wrong = |id, message: String, hint: &str| {
        fine = false;
        report.fail(id, &label, message, hint);
    };
    let code = Code::AgentFileInvalid;
    let identity = agent.identity().map_err(|error| error.named(code));
    let (token, key) = (
        agent.ait().map_err(|error| error.named(code)),
        agent.secret_key().map_err(|error| error.named(code)),
    );
    if let Err(error) = &identity {
        wrong("agent.identity", error.to_string(), &recreate);
    }
    if let Err(error) = &key {
        wrong("agent.secretKey", error.to_string(), &recreate);
    }
    let mut soon = None;
    match &token {
        Err(error) => wrong("agent.ait", error.to_string(), &recreate),
        Ok((_, _, claims)) => {
            if key.as_ref().is_ok_and(|key| key.public() != claims.cnf.jwk.x) {
                wrong(
                    "agent.secretKey",
                    format!("{} does not belong to {}", agent::SECRET_KEY, agent::AIT),
                    &recreate,
                );
            }
            if identity.as_ref().is_ok_and(|identity| identity.did != claims.sub) {
                wrong(
                    "agent.identity",
                    format!("{} and {} name two agents", agent::IDENTITY, agent::AIT),
                    &recreate,
                );
            }
            let left = Millis::from_secs(i64::from(claims.exp)).since(context.now());
            if revoked.is_some_and(|list| list.revokes(claims.jti)) {
                wrong(
                    "agent.revoked",
                    "the agent was revoked".to_owned(),
                    "create another one with `clawdentity agent create <NAME>`",
                );
            }
            if left <= 0 {
                wrong("agent.ait", "the identity token has expired".to_owned(), &recreate);
            } else if left < EXPIRY_WARN_MS {
                soon = Some(left / 3_600_000);
            }
        }
    }
    match agent.auth() {
        Err(error) => wrong("agent.registryAuth", error.named(code).to_string(), &recreate),
        Ok(auth) => match Millis::parse_rfc3339(&auth.refresh_expires_at) {
            None => wrong(
                "agent.registryAuth",
                "the expiry of the refresh token cannot be read".to_owned(),
                &recreate,
            ),
            Some(expires) if expires <= context.now() => {
                wrong(
                    "agent.registryAuth",
                    "the refresh token has expired".to_owned(),
                    &recreate,
                );
            }
            Some(_) => {}
        },
    }
    if let Some(hours) = soon {
        report.warn(
            "agent.ait",
            &label,
            format!("the identity token expires in {hours} hours"),
            &recreate,
        );
    } else if fine {
        report.pass("agent", &label, "identity, token, key and session belong together");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_date("yesterday"), None);
        assert_eq!(parse_date(""), None);
    }
}
