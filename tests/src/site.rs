//! A registry and a relay, as processes.

use std::{path::Path, sync::Arc};

use tempfile::TempDir;

use crate::{Person, Port, Process, binary, http};

/// A registry and a relay on free ports, with their files in a directory that goes with them.
#[derive(Debug)]
pub struct Site {
    /// `chancery registry`.
    pub registry: Process,
    /// `chancery proxy`.
    pub relay: Process,
    registry_port: Port,
    relay_port: Port,
    dir: Arc<TempDir>,
}

impl Site {
    /// Starts both, with the limits per minute raised so far that no test meets them. Waits until the relay has heard of
    /// the registry's revocations.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further variables for both; they win over the raised limits.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut site = Self::prepare();
        for (name, value) in variables {
            site.registry.set(name, value);
            site.relay.set(name, value);
        }
        site.registry.start();
        site.relay.start();
        site
    }

    /// Both, not yet started: the relay needs a file that the registry's first start writes.
    ///
    /// # Panics
    /// When there is no place for their files.
    #[must_use]
    pub fn prepare() -> Self {
        let dir = Arc::new(
            tempfile::Builder::new()
                .prefix("chancery-site-")
                .tempdir()
                .expect("a directory"),
        );
        let (registry_port, relay_port) = (Port::free(), Port::free());
        let program = binary::chancery();
        let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();

        let address = registry_port.address();
        let arguments = [
            "registry",
            "--json",
            "--listen",
            &address.to_string(),
            "--data-dir",
            &path("registry"),
            "--proxy-url",
            &relay_port.url(),
        ];
        let ready = move || http::get(address, "/health").is_some_and(|answer| answer.status == 200);
        let mut registry = Process::new("registry", dir.path(), &program, arguments, ready);

        let address = relay_port.address();
        let arguments = [
            "proxy",
            "--json",
            "--listen",
            &address.to_string(),
            "--data-dir",
            &path("relay"),
            "--registry-url",
            &registry_port.url(),
            "--service-credentials",
            &path("registry/internal-service.json"),
        ];
        let ready = move || http::get(address, "/health").is_some_and(|answer| answer.json()["ready"] == true);
        let mut relay = Process::new("relay", dir.path(), &program, arguments, ready);

        for route in [
            "RESOLVE",
            "CRL",
            "REFRESH",
            "VALIDATE",
            "BOOTSTRAP",
            "REDEEM",
            "CHALLENGE",
            "CREATE",
        ] {
            registry.set(&format!("REGISTRY_{route}_PER_MINUTE"), "1000000");
        }
        for limit in [
            "AGENT_RATE_LIMIT_REQUESTS_PER_MINUTE",
            "PUBLIC_RATE_LIMIT_REQUESTS",
            "PUBLIC_RATE_LIMIT_PAIR_REQUESTS",
            "PUBLIC_RATE_LIMIT_RECEIPT_REQUESTS",
            "PUBLIC_RATE_LIMIT_UNKNOWN_REQUESTS",
        ] {
            relay.set(limit, "1000000");
        }
        Self {
            registry,
            relay,
            registry_port,
            relay_port,
            dir,
        }
    }

    /// The registry's port.
    #[must_use]
    pub fn registry_port(&self) -> &Port {
        &self.registry_port
    }

    /// The relay's port.
    #[must_use]
    pub fn relay_port(&self) -> &Port {
        &self.relay_port
    }

    /// Where the files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The secret that [`admin`](Self::admin) uses.
    ///
    /// # Panics
    /// Before the registry's first start.
    #[must_use]
    pub fn bootstrap_secret(&self) -> String {
        std::fs::read_to_string(self.dir().join("registry/bootstrap-secret")).expect("the registry's first start")
    }

    /// The administrator, made by `clawdentity admin bootstrap`. Works once.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn admin(&self) -> Person {
        let admin = self.stranger("admin");
        let secret = format!("@{}", self.dir().join("registry/bootstrap-secret").display());
        let url = self.registry_port.url();
        let arguments = [
            "admin",
            "bootstrap",
            "--bootstrap-secret",
            &secret,
            "--registry-url",
            &url,
        ];
        let _ = admin.run(arguments).args(["--display-name", "Admin"]).run().json();
        admin
    }

    /// Somebody with an empty home directory, whom the registry does not know.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    pub fn stranger(&self, name: &str) -> Person {
        let home = self.dir().join("home").join(name);
        std::fs::create_dir_all(&home).expect("a home directory");
        Person::new(name, &home, Arc::clone(&self.dir), &self.registry_port.url())
    }
}
