//! A client of XMTP: an inbox's keys, its groups, and what was said in them.
//!
//! MLS is upstream [`openmls`]; what must not be lost lies in one file for each inbox ([`storage`]), and every step that
//! openmls takes commits there together with the place in the network's log that it came from and the plaintext that came
//! out. All cryptography that openmls asks for is [`crypto`]'s, which draws on the random source that it is handed, so that
//! whole networks run again from a seed. [`network`] is the port to a node,
//! [`welcome`] what new members are sent, [`identity`] who we are, and who the others. [`group`] is what a group's context
//! says; [`commit`] and [`join`] decide what may change it, and which group we enter. [`client`] is all of it together.

pub mod client;
pub mod commit;
pub mod crypto;
pub mod group;
pub mod identity;
pub mod join;
pub mod network;
pub mod storage;
pub mod welcome;
