//! The official XMTP SDKs, three generations of them, and `chancery xmtp-node` between them.
//!
//! ```no_run
//! use chancery_tests::{skip, xmtp::{Generation, Network, Sdk}};
//!
//! let Some(sdk) = Sdk::find() else { skip!("{}", Sdk::MISSING) };
//! let net = Network::start(sdk);                     // chancery xmtp-node, as a process on a free port
//! let (old, new) = (net.driver(Generation::Five), net.driver(Generation::Six)); // one process of Node each
//! let alice = old.client("alice");                   // registered, a new wallet, its database in memory
//! let bob = new.client("bob");
//! let group = alice.new_group(&[bob.inbox_id()]);
//! let id = alice.send(&group, "hello");
//! bob.sync_all();
//! assert!(bob.messages(&group).iter().any(|message| message.id == id));
//! ```
//!
//! The SDK runs in processes of Node that `tests/xmtp/driver.mjs` turns into something that answers lines ([`Driver`]). What
//! a client is asked for without `try_` in its name must succeed. [`Ours`] is a client of ours in a process of `chancery xmtp
//! shell`, and [`Party`] either kind, so that a scenario is written once.

mod agree;
mod archives;
mod begin;
mod client;
mod driver;
pub mod hostile;
mod liar;
mod network;
mod ours;
mod ours_client;
mod ours_party;
mod overtaken;
mod sdk;
mod value;

pub use agree::{agree, arrives};
pub use archives::Archives;
pub use begin::begin;
pub use client::{Client, Options};
pub use driver::{Driver, Refused, Stream};
pub use liar::Liar;
pub use network::Network;
pub use ours::{OursRefused, Shell};
pub use ours_client::Ours;
pub use ours_party::{Listening, Party, Said, Standing, all_agree, comes_to};
pub use overtaken::Envelope;
pub use sdk::{Generation, Sdk};
pub use value::{Conversation, Debug, Event, Inbox, Member, Message};
