//! `chancery xmtp-node`, and drivers that talk to it.

use std::{net::TcpStream, path::Path, sync::Arc};

use tempfile::TempDir;

use super::{Driver, Generation, Sdk};
use crate::{Port, Process, binary};

/// A node on a free port, with its files in a directory that goes with it.
#[derive(Debug)]
pub struct Network {
    /// `chancery xmtp-node`.
    pub node: Process,
    port: Port,
    sdk: Option<Sdk>,
    dir: Arc<TempDir>,
}

impl Network {
    /// Starts the node.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(sdk: Sdk) -> Self {
        Self::with(Some(sdk))
    }

    /// The same for clients of ours alone.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn without_sdk() -> Self {
        Self::with(None)
    }

    fn with(sdk: Option<Sdk>) -> Self {
        let dir = tempfile::Builder::new().prefix("chancery-xmtp-").tempdir();
        let dir = Arc::new(dir.expect("a directory"));
        let port = Port::free();
        let address = port.address();
        let data = dir.path().join("node").to_string_lossy().into_owned();
        let arguments = ["xmtp-node", "--listen", &address.to_string(), "--data-dir", &data];
        let ready = move || TcpStream::connect(address).is_ok();
        let mut node = Process::new("xmtp-node", dir.path(), &binary::chancery(), arguments, ready);
        node.start();
        Self { node, port, sdk, dir }
    }

    /// A process of the SDK whose clients talk to the node.
    ///
    /// # Panics
    /// When it does not start, or there is no SDK.
    #[must_use]
    pub fn driver(&self, generation: Generation) -> Driver {
        let sdk = self.sdk.as_ref().expect("the SDK");
        Driver::start(sdk, generation, &self.port.url(), self.dir.path())
    }

    /// Where files of clients may be put.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The node's port.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }
}
