//! The figures of the WebSocket.

use anyhow::Context as _;

use super::{
    Options,
    clients::{self, Audience, Party, Socket},
};
use crate::{figure::Figure, process::Server};

/// Connections that ask.
const CONNECTIONS: usize = 16;
/// Unanswered requests of each.
const WINDOW: usize = 100;
/// Unanswered messages of each that harnesses send: with a commit between request and answer.
const SEND_WINDOW: usize = 16;
/// Bytes that are said to all harnesses.
const SAID: usize = 1024;
/// Messages a run of the fan-out.
const FANNED: usize = 30;

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut ours = Server::start("serve-signet", &[]).await?;
    let bare = Server::start("serve-bare-web-socket", &[]).await?;
    requests(options, &mut ours, &bare).await?;
    if options.harnesses > 0 {
        fan_out(options).await?;
    }
    Ok(())
}

async fn requests(options: &Options, ours: &mut Server, bare: &Server) -> anyhow::Result<()> {
    eprintln!(
        "signet requests: {CONNECTIONS} connections, {WINDOW} heartbeats or {SEND_WINDOW} messages of 1 KiB in flight each; the \
         rate of sends is raised, everything else as by default"
    );
    let parties = issue(ours, CONNECTIONS).await?;
    let beats: Vec<_> = parties
        .iter()
        .map(|party| frames(WINDOW, |n| party.heartbeat(n)))
        .collect();
    let count = options.heartbeats / CONNECTIONS;
    let mut pairs = Vec::new();
    for pair in 0..=options.runs.max(1) {
        let a = async |ours: &Server| {
            let cpu = ours.cpu_us()?;
            let mut connections = Vec::new();
            for (party, frames) in parties.iter().zip(&beats) {
                connections.push((clients::enter(ours, party).await?, frames.clone()));
            }
            let (rate, _) = clients::ask(connections, count, WINDOW).await?;
            anyhow::Ok((rate, (ours.cpu_us()? - cpu) / (count * CONNECTIONS) as f64))
        };
        let b = async || {
            let cpu = bare.cpu_us()?;
            let mut connections = Vec::new();
            for frames in &beats {
                connections.push((clients::connect(bare, "/echo").await?, frames.clone()));
            }
            let (rate, _) = clients::ask(connections, count, WINDOW).await?;
            anyhow::Ok((rate, (bare.cpu_us()? - cpu) / (count * CONNECTIONS) as f64))
        };
        // who goes first alternates
        let (a, b) = if pair % 2 == 0 {
            let a = a(ours).await?;
            (a, b().await?)
        } else {
            let b = b().await?;
            (a(ours).await?, b)
        };
        eprintln!(
            "pair {pair}: ours {:.0}/s ({:.2} us CPU), echo {:.0}/s ({:.2} us CPU)",
            a.0, a.1, b.0, b.1
        );
        // the first does not count: caches fill
        if pair > 0 {
            pairs.push((a.0, b.0));
        }
    }
    let name = "signet.heartbeat_requests_per_second";
    Figure::paired(name, &pairs, ">=0.6", "requests/s").print(options.json)?;

    let echo = pairs.iter().map(|pair| pair.1);
    let mut sent = Vec::new();
    let count = options.sends / CONNECTIONS;
    for _ in 0..options.runs.max(1) {
        let mut connections = Vec::new();
        for party in &parties {
            let frames = frames(SEND_WINDOW, |n| party.send(n));
            connections.push((clients::enter(ours, party).await?, frames));
        }
        let (rate, _) = clients::ask(connections, count, SEND_WINDOW).await?;
        sent.push(rate);
    }
    let pairs: Vec<_> = sent.into_iter().zip(echo).collect();
    let name = "signet.send_message_per_second";
    Figure::paired(name, &pairs, "none", "requests/s").print(options.json)
}

async fn fan_out(options: &Options) -> anyhow::Result<()> {
    let harnesses = options.harnesses;
    eprintln!(
        "signet fan-out: one chat, {harnesses} credentials with a connection each, {FANNED} texts of {SAID} bytes one after another"
    );
    let mut ours = Server::start("serve-signet", &[]).await?;
    let mut bare = Server::start("serve-bare-web-socket", &[]).await?;
    let parties = issue(&mut ours, harnesses).await?;
    // one that comes and goes: code and buffers that all share are there
    drop(clients::enter(&ours, parties.first().context("nobody")?).await?);
    let before = ours.resident_bytes()?;
    let mut sockets: Vec<Socket> = Vec::with_capacity(harnesses);
    for party in &parties {
        sockets.push(clients::enter(&ours, party).await?);
    }
    let memory = (ours.resident_bytes()? - before) / 1024.0 / harnesses as f64;
    Figure::against("signet.connection_memory", memory, 20.0, "<=1", "KiB").print(options.json)?;
    let mut here = Audience::of(sockets);
    here.hear(&mut ours, SAID, 3).await?;
    let length = here.length();
    let mut sockets = Vec::with_capacity(harnesses);
    for _ in 0..harnesses {
        sockets.push(clients::connect(&bare, "/fan").await?);
    }
    let mut there = Audience::of(sockets);
    // by then all are kept
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    there.hear(&mut bare, length, 3).await?;
    let mut pairs = Vec::new();
    for pair in 0..options.runs.max(1) {
        let (a, b) = if pair % 2 == 0 {
            let a = here.hear(&mut ours, SAID, FANNED).await?;
            (a, there.hear(&mut bare, length, FANNED).await?)
        } else {
            let b = there.hear(&mut bare, length, FANNED).await?;
            (here.hear(&mut ours, SAID, FANNED).await?, b)
        };
        eprintln!("pair {}: ours {a:.0}/s, bare {b:.0}/s", pair + 1);
        pairs.push((a, b));
    }
    Figure::paired("signet.fan_out_per_second", &pairs, ">=0.5", "events/s").print(options.json)
}

fn frames<T>(window: usize, frame: impl Fn(usize) -> T) -> Vec<T> {
    // twice as many: an id is free again before it comes again
    (0..2 * window).map(frame).collect()
}

async fn issue(server: &mut Server, count: usize) -> anyhow::Result<Vec<Party>> {
    Ok(serde_json::from_str(&server.ask(&format!("issue {count}")).await?)?)
}
