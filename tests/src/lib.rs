//! Black-box tests: what they start, talk to and look at. The tests themselves are in `tests/tests/`, one file a theme;
//! names that begin with `interop` need the published client, `crash` kills processes.
//!
//! ```no_run
//! use chancery_tests::{Site, Webhook};
//!
//! let site = Site::start();                     // chancery registry and chancery proxy, as processes on free ports
//! let admin = site.admin();                     // a home directory with the administrator's API key
//! let (alice, bob) = (admin.invite("Alice"), admin.invite("Bob"));
//! let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
//! alpha.pair_with(&beta);
//!
//! let (hook, quiet) = (Webhook::start(), Webhook::start()); // record what is delivered to them
//! let mut receiver = beta.connector(&hook);     // clawdentity connector start, as a process, connected
//! let sender = alpha.connector(&quiet);
//! sender.send(beta.did(), &serde_json::json!({ "message": "hello" }));
//! hook.wait_for(1);
//! receiver.kill();                              // SIGKILL
//! receiver.start();                             // the same port, the same files
//! ```
//!
//! * Everything here blocks and panics: a test that meets what it did not expect stops and says where. An asynchronous
//!   test uses the multi-threaded runtime, or [`tokio::task::spawn_blocking`].
//! * Nothing sleeps for a fixed time: [`wait::until`] asks again until a condition holds, and says at its deadline what it
//!   was waiting for.
//! * A process that a value stands for is killed when the value is dropped. What it wrote is in [`Process::log`], and on
//!   stderr when the test fails.
//! * Binaries are those of the build that the test belongs to; they are built when they are missing or older than the
//!   sources ([`binary::path`]).
//! * What needs something that is not here says so with [`skip!`], and fails with `CHANCERY_REQUIRE=all`.
//! * [`signet`] is a home with a signet in it.
//! * [`xmtp`] drives the official XMTP SDKs through `chancery xmtp-node`.
//! * [`sim`] is another matter: it starts no process, but relay and connectors in one thread on simulated time, from a seed;
//!   [`inbox_sim`] does so with XMTP clients.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

pub mod binary;
pub mod caller;
pub mod command;
pub mod connector;
pub mod http;
pub mod inbox_sim;
pub mod person;
pub mod port;
pub mod process;
pub mod published;
pub mod signet;
pub mod sim;
pub mod site;
pub mod skip;
pub mod socket;
pub mod tap;
pub mod terminal;
pub mod wait;
pub mod webhook;
pub mod xmtp;

pub use caller::Caller;
pub use command::{Command, Outcome};
pub use connector::Connector;
pub use person::{Agent, Person};
pub use port::Port;
pub use process::Process;
pub use site::Site;
pub use socket::Socket;
pub use tap::Tap;
pub use terminal::Terminal;
pub use webhook::{Received, Webhook};
