//! What can be configured of a signet: its file, its variables, its defaults, and where its files are (signet spec 9.7).
//!
//! A setting comes from its variable if that is set, else from the file, else it has its default. The file is read strictly:
//! what is unknown or out of bounds is refused with its place. Nothing here reads a disk or the environment of the process;
//! both are passed in.
//!
//! ```
//! use chancery_signet_config::{Environment, Loaded};
//!
//! let file = "[ws]\nport = 9000\n";
//! let environment = Environment::from_iter([("XMTP_SIGNET_HTTP_ENABLED", "1")]);
//! let loaded = Loaded::read(Some(file), &environment)?;
//! assert_eq!(loaded.config.ws.port, 9000);
//! assert!(loaded.config.http.enabled);
//! assert_eq!(loaded.config.credentials.default_ttl.0, 3600);
//! # Ok::<(), chancery_signet_config::ConfigError>(())
//! ```

#[macro_use]
mod setting;

mod adapter;
mod environment;
mod error;
mod load;
mod paths;
mod preset;
mod sections;
mod value;

pub use adapter::{Adapter, WalletProgram};
pub use environment::Environment;
pub use error::ConfigError;
pub use load::{Loaded, MAX_FILE_BYTES, Shown, Source};
pub use paths::{DataDir, NoHome, Paths};
pub use preset::{New, new_file};
pub use sections::{
    Admin, Agent, Approver, Confirmations, ContentTypes, Credentials, Defaults, Http, Keys, Limits, Logging,
    Onboarding, Projection, Reveals, Seals, Signet, Wallet, Ws,
};
pub use sections::{Config, settings};
pub use setting::{Kind, Setting};
pub use value::{
    ApproverChoice, AuthMode, Hidden, Host, Hours, LogLevel, Millis, Scheme, Seconds, UserPath, WrongHost, WrongPath,
};
