//! The server that installations of one inbox leave archives for one another at.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use tokio::runtime::Runtime;

/// `POST /upload` answers a name, `GET /files/NAME` the bytes, as the SDK's history server does. On a free port, in memory.
#[derive(Debug)]
pub struct Archives {
    address: SocketAddr,
    files: Files,
    _runtime: Runtime,
}

type Files = Arc<Mutex<Vec<Bytes>>>;

impl Archives {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let files = Files::default();
        let routes = Router::new()
            .route("/upload", post(upload))
            .route("/files/{name}", get(download))
            .with_state(Arc::clone(&files));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self {
            address,
            files,
            _runtime: runtime,
        }
    }

    /// What clients are told.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many were left.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.lock().unwrap().len()
    }
}

async fn upload(State(files): State<Files>, body: Bytes) -> String {
    let mut files = files.lock().unwrap();
    files.push(body);
    (files.len() - 1).to_string()
}

async fn download(State(files): State<Files>, Path(name): Path<usize>) -> Result<Bytes, StatusCode> {
    files.lock().unwrap().get(name).cloned().ok_or(StatusCode::NOT_FOUND)
}
