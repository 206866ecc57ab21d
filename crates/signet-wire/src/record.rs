//! What the signet tells of what it holds: records and what actions answer.

pub mod audit;
pub mod chat;
pub mod credential;
pub mod held;
pub mod inbox;
pub mod key;
pub mod lookup;
pub mod message;
pub mod operator;
pub mod policy;
pub mod status;
pub mod wallet;
