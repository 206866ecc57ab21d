//! The steps themselves, in the order of [`super::report::STEPS`]. Each needs those before it, so the first that fails is
//! the last.

use std::time::Duration;

use bytes::Bytes;
use chancery_networks::{
    HttpClient,
    http::{Answer, Auth, Request},
};
use chancery_relay_wire::{header, route};
use chancery_terminal::Failure;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::{
    agent::{Agent, cli_failure, failed, text, wait_until},
    report::Report,
    world::World,
};

/// Within which a revocation must have acted.
const REVOCATION_LIMIT: Duration = Duration::from_secs(1);
/// Messages for the agent that is away.
const WAITING: usize = 3;

/// What a step makes, and what it says about it.
type Done<T = ()> = Result<(T, String), Failure>;

/// Runs all steps, until one fails.
pub(super) async fn run(world: &mut World, report: &mut Report) {
    // the report says what is left
    let _ = try_run(world, report).await;
}

async fn try_run(world: &mut World, report: &mut Report) -> Option<()> {
    report.step(registry(world)).await?;
    report.step(relay(world)).await?;
    report.step(bootstrap(world)).await?;
    let codes = report.step(invite(world)).await?;
    report.step(humans(world, &codes)).await?;
    report.step(agents(world)).await?;
    report.step(pairing(world)).await?;
    report.step(connectors(world)).await?;
    let http = HttpClient::new().ok()?;
    let first = report.step(message(world, &http)).await?;
    report.step(receipt(world, &http, &first)).await?;
    report.step(answer(world, &http)).await?;
    report.step(offline(world, &http)).await?;
    report.step(replay(world, &http)).await?;
    report.step(revocation(world, &http)).await
}

async fn registry(world: &mut World) -> Done {
    let origin = world.start_registry().await?;
    Ok(((), format!("a registry answers at {origin}, on a SQLite file")))
}

async fn relay(world: &mut World) -> Done {
    let origin = world.start_relay().await?;
    Ok((
        (),
        format!("a relay answers at {origin}, on a SQLite file, and follows the registry's revocations"),
    ))
}

async fn bootstrap(world: &mut World) -> Done {
    let admin = world.person("admin")?;
    let secret = format!("@{}", world.bootstrap_file().display());
    let url = world.registry_url();
    let arguments = [
        "admin",
        "bootstrap",
        "--bootstrap-secret",
        &secret,
        "--registry-url",
        &url,
    ];
    let done = admin.run(&arguments).await?;
    let did = text(&done, "human.did")?;
    world.people.push(admin);
    Ok(((), format!("the first administrator is {did}")))
}

async fn invite(world: &mut World) -> Done<Vec<String>> {
    let admin = world
        .people
        .first()
        .ok_or_else(|| failed("there is no administrator"))?;
    let mut codes = Vec::new();
    for _ in 0..2 {
        codes.push(text(&admin.run(&["invite", "create"]).await?, "invite.code")?);
    }
    Ok((
        codes,
        "the administrator made two invites, each for one person, once".to_owned(),
    ))
}

async fn humans(world: &mut World, codes: &[String]) -> Done {
    let url = world.registry_url();
    for (name, code) in ["Alice", "Bob"].into_iter().zip(codes) {
        let person = world.person(name)?;
        let arguments = ["invite", "redeem", code, "--display-name", name, "--registry-url", &url];
        person.run(&arguments).await?;
        world.people.push(person);
    }
    Ok(((), "Alice and Bob redeemed them, and have an API key each".to_owned()))
}

async fn agents(world: &mut World) -> Done {
    for (name, owner) in ["alpha", "beta"].into_iter().zip(world.people.iter().skip(1)) {
        world.agents.push(owner.agent(name).await?);
    }
    let (alpha, beta) = world.pair()?;
    let detail = format!("Alice's alpha is {}, Bob's beta is {}", alpha.did, beta.did);
    Ok(((), detail))
}

async fn pairing(world: &mut World) -> Done {
    let (alpha, beta) = world.pair()?;
    pair_up(alpha, beta).await?;
    Ok((
        (),
        "Alice handed a ticket to Bob; both agents signed that they are a pair".to_owned(),
    ))
}

async fn pair_up(alpha: &Agent, beta: &Agent) -> Result<(), Failure> {
    let ticket = text(&alpha.owner.run(&["pair", "start", alpha.name]).await?, "ticket")?;
    beta.owner
        .run(&["pair", "confirm", beta.name, "--ticket", &ticket])
        .await?;
    let status = alpha
        .owner
        .run(&["pair", "status", alpha.name, "--ticket", &ticket])
        .await?;
    if status["status"] != "confirmed" || status["assertedBy"] != "agents" {
        let text = format!("the pair is {}, asserted by {}", status["status"], status["assertedBy"]);
        return Err(failed(text));
    }
    Ok(())
}

async fn connectors(world: &mut World) -> Done {
    let relay = world.relay_origin()?;
    let (alpha, beta) = world.pair()?;
    alpha.connect(&relay).await?;
    beta.connect(&relay).await?;
    Ok((
        (),
        "both agents' connectors hold a WebSocket to the relay; their webhooks are stubs of this demo".to_owned(),
    ))
}

/// The first message: its id.
async fn message(world: &mut World, http: &HttpClient) -> Done<String> {
    let (alpha, beta) = world.pair()?;
    let id = say(http, alpha, beta, "Good morning, beta.").await?;
    Ok((
        id,
        "alpha's message is at beta's webhook, its signature verified end to end".to_owned(),
    ))
}

async fn answer(world: &mut World, http: &HttpClient) -> Done {
    let (alpha, beta) = world.pair()?;
    say(http, beta, alpha, "Good morning, alpha.").await?;
    Ok((
        (),
        "beta's answer is at alpha's webhook, verified the same way".to_owned(),
    ))
}

/// Sends one message and waits until it has arrived as it was sent.
async fn say(http: &HttpClient, from: &Agent, to: &Agent, words: &str) -> Result<String, Failure> {
    let before = to.hook.count();
    let id = from.send(http, &to.did, words).await?;
    let received = to.hook.wait_for(before + 1).await?;
    match received.last() {
        Some(last) if last.text == words && last.end_to_end && last.attempt == 1 => Ok(id),
        last => Err(failed(format!("something else arrived: {last:?}"))),
    }
}

/// The receipt of the first message, `id`: alpha had not heard from beta before it.
async fn receipt(world: &mut World, http: &HttpClient, id: &str) -> Done {
    let (alpha, _) = world.pair()?;
    let view = alpha.wait_for_state(http, id, "delivered_to_webhook").await?;
    if view["verified"] != "end-to-end" {
        return Err(failed(format!("the receipt is vouched for by {}", view["verified"])));
    }
    Ok((
        (),
        "alpha has the receipt that beta signed: its webhook took the message".to_owned(),
    ))
}

async fn offline(world: &mut World, http: &HttpClient) -> Done {
    let relay = world.relay_origin()?;
    let (alpha, beta) = world.pair()?;
    beta.disconnect().await;
    let before = beta.hook.count();
    let mut words = Vec::new();
    for number in 1..=WAITING {
        let text = format!("While you were away, {number} of {WAITING}.");
        let id = alpha.send(http, &beta.did, &text).await?;
        alpha.wait_for_state(http, &id, "accepted").await?;
        words.push(text);
    }
    if beta.hook.count() != before {
        return Err(failed("a message arrived at an agent without a connector"));
    }
    beta.connect(&relay).await?;
    let received = beta.hook.wait_for(before + WAITING).await?;
    let came: Vec<_> = received.iter().skip(before).map(|one| one.text.clone()).collect();
    if came != words {
        return Err(failed(format!("they came otherwise: {came:?}")));
    }
    Ok((
        (),
        format!("{WAITING} messages waited in the mailbox while beta's connector was stopped, and came in order"),
    ))
}

/// A signed `POST /hooks/agent`, as it can be sent any number of times.
struct Signed {
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Signed {
    async fn new(world: &mut World, words: &str) -> Result<Self, Failure> {
        let url = world.relay_origin()?.join(route::HOOKS_AGENT);
        let url = Url::parse(&url).map_err(|error| failed(error.to_string()))?;
        let (alpha, beta) = world.pair()?;
        let access = alpha.session.fresh().await.map_err(cli_failure)?.access_token;
        let body = json!({ "message": words }).to_string();
        let own = [
            (header::AGENT_ACCESS, access.as_str()),
            (header::RECIPIENT, beta.did.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = alpha.session.signer().headers("POST", &url, body.as_bytes(), &own);
        Ok(Self {
            headers,
            body: body.into(),
        })
    }

    async fn send(&self, world: &World, http: &HttpClient) -> Result<Answer, Failure> {
        let mut request = Request::new(Method::POST, route::HOOKS_AGENT, Auth::None);
        request.headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        request.body = Some(self.body.clone());
        Ok(http.send(&world.relay_origin()?, request).await?)
    }
}

/// The code of a refusal, with its status.
fn refusal(answer: &Answer) -> String {
    match answer.success() {
        Ok(()) => answer.status.to_string(),
        Err(error) => error
            .remote()
            .map_or_else(String::new, |remote| format!("{} {}", remote.status, remote.code)),
    }
}

async fn replay(world: &mut World, http: &HttpClient) -> Done {
    let before = world.pair()?.1.hook.count();
    let request = Signed::new(world, "Only once.").await?;
    let first = request.send(world, http).await?;
    first.success()?;
    let second = refusal(&request.send(world, http).await?);
    if second != "401 PROXY_AUTH_REPLAY" {
        return Err(failed(format!("the same bytes again were answered with {second}")));
    }
    world.pair()?.1.hook.wait_for(before + 1).await?;
    Ok((
        (),
        format!(
            "a signed request was sent twice, byte for byte: {}, then {second}",
            first.status
        ),
    ))
}

async fn revocation(world: &mut World, http: &HttpClient) -> Done {
    let registry = world.registry_client()?;
    let (alpha, _) = world.pair()?;
    let key = alpha.owner.api_key()?;
    let id = alpha.did.ulid();
    let began = Instant::now();
    registry.agent_revoke(&key, id).await?;
    wait_until("the revoked agent's socket to close", || !alpha.is_connected()).await?;
    let closed = began.elapsed();
    alpha.revoked = true;
    let code = refusal(&Signed::new(world, "I am still here.").await?.send(world, http).await?);
    let refused = began.elapsed();
    if code != "401 PROXY_AUTH_REVOKED" {
        return Err(failed(format!(
            "the revoked agent's next request was answered with {code}"
        )));
    }
    if refused > REVOCATION_LIMIT {
        return Err(failed(format!("it took {} ms", refused.as_millis())));
    }
    let (closed, refused) = (closed.as_millis(), refused.as_millis());
    Ok((
        (),
        format!("alpha was revoked: socket closed {closed} ms, next request refused {refused} ms after ({code})"),
    ))
}

/// With `--keep`: an agent in the place of the revoked one, paired and connected like it.
pub(super) async fn successor(world: &mut World) -> Result<(), Failure> {
    let relay = world.relay_origin()?;
    let (alpha, beta) = world.pair()?;
    let mut gamma = alpha.owner.agent("gamma").await?;
    pair_up(&gamma, beta).await?;
    gamma.connect(&relay).await?;
    alpha.disconnect().await;
    world.agents.push(gamma);
    Ok(())
}
