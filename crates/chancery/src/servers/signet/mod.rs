//! The signet's daemon: the engine over the daemon's keys and XMTP, and its three ways in.
//!
//! It starts in this order, so that nothing is begun that could not be ended: the folder is taken, then the ports, then the
//! keys are opened, then the engine. With keys that nothing here opens it serves as `locked`: how it fares, and its end. It
//! ends in the other direction, and takes its socket along last of all, for that is what `xs daemon stop` waits for.

mod about;
pub mod configuration;
mod doors;
pub mod error;
mod keys;
mod network;
mod open;
mod place;
pub mod problem;
mod records;
mod rotation;
mod running;
mod settings;
mod unserved;

use std::sync::Arc;

use chancery_admin::{Admin, AdminSocket, LockedParts, Parts as AdminParts};
use chancery_custody::Locked;
use chancery_harness::Harnesses;
use chancery_networks::xmtp::XmtpNetwork;
use chancery_serve::system::{OsRng, SystemClock};
use chancery_signet::{About, Parts, Signet, seals::Unsealed};
use chancery_signet_wire::record::status::{DaemonState, Started};

use crate::listen::Listen;
use configuration::Configuration;
use doors::Doors;
use error::Error;
use keys::VaultKeys;
use open::{Keys, Opened};
use place::{PidFile, Place};
use problem::Problem;
pub use running::Running;

/// Starts the daemon as `configuration` says. `listen`: TLS, and what is allowed without. With `prompt` a passphrase may be
/// asked for at the terminal.
///
/// # Errors
/// What keeps it from starting; nothing runs then.
pub async fn start(configuration: &Configuration, listen: &Listen, prompt: bool) -> Result<Running, Problem> {
    unserved::check(&configuration.loaded)?;
    let config = configuration.config();
    let network = network::network(configuration, Arc::new(SystemClock), Arc::new(OsRng))?;
    let place = Place::take(&configuration.paths.data())?;
    let doors = Doors::open(config, listen).await?;
    let keys = open::open(configuration, prompt).await?;
    let socket = AdminSocket::bind(&configuration.paths.admin_socket())?;
    let mut started = Started {
        status: DaemonState::Running,
        pid: std::process::id(),
        ws: doors.ws_url(),
        admin_socket: socket.path().display().to_string(),
        env: config.signet.env,
        data_dir: configuration.paths.data().path().display().to_string(),
    };
    let pid_file = PidFile::write(&configuration.paths.pid_file());
    Ok(match keys {
        Keys::Open(opened) => {
            place.hand_over();
            let about = about::about(configuration, doors.is_insecure());
            let signet = engine(configuration, about, network, &opened).await?;
            signet.serving(doors.ws_port());
            let harnesses = Harnesses::new(signet.clone(), settings::harnesses(config));
            let admin = Admin::new(AdminParts {
                signet: signet.clone(),
                custody: Arc::clone(&opened.custody),
                clock: Arc::new(SystemClock),
                rng: Arc::new(OsRng),
                settings: settings::admin(config),
            });
            let admin = admin.map_err(|error| Error::Actions(error.to_string()))?;
            let served = doors.serving(harnesses.router(), admin.router());
            let mut running = Running::serve(started, served, (socket, admin), pid_file);
            if config.keys.rotation.0 > 0 && !config.biometric_gating.operational_key_rotation {
                let keys = keys_of(&opened);
                let age = config.keys.rotation.into();
                running.beside(rotation::rotate(signet.clone(), keys, age, SystemClock));
            }
            running.with_engine(signet, harnesses)
        }
        Keys::Locked(locked) => {
            tracing::warn!("{locked}");
            started.status = DaemonState::Locked;
            let admin = locked_admin(configuration, &locked)?;
            let served = doors.serving_locked(admin.router());
            Running::serve(started, served, (socket, admin), pid_file).holding(place)
        }
    })
}

async fn engine(
    configuration: &Configuration,
    about: About,
    network: XmtpNetwork,
    opened: &Opened,
) -> Result<Signet, Problem> {
    let config = configuration.config();
    Ok(Signet::start(Parts {
        database: configuration.paths.data().database(),
        network: Arc::new(network),
        keys: Arc::new(keys_of(opened)),
        clock: Arc::new(SystemClock),
        rng: Arc::new(OsRng),
        chain: opened.chain.clone(),
        credentials: settings::credentials(config),
        about,
        seals: Arc::new(Unsealed),
        traffic: settings::traffic(config),
    })
    .await?)
}

fn keys_of(opened: &Opened) -> VaultKeys {
    VaultKeys::new(Arc::clone(&opened.custody), Arc::new(SystemClock), Arc::new(OsRng))
}

fn locked_admin(configuration: &Configuration, locked: &Locked) -> Result<Admin, Error> {
    let admin = Admin::locked(LockedParts {
        about: about::about(configuration, false),
        why: locked.to_string(),
        clock: Arc::new(SystemClock),
        rng: Arc::new(OsRng),
        settings: settings::admin(configuration.config()),
    });
    admin.map_err(|error| Error::Actions(error.to_string()))
}
