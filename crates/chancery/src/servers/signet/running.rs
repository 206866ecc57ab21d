//! A daemon that runs, and its end.

use std::{future::Future, time::Duration};

use axum::Router;
use chancery_admin::{Admin, AdminSocket};
use chancery_harness::Harnesses;
use chancery_serve::{Bound, ServeError};
use chancery_signet::Signet;
use chancery_signet_wire::record::status::Started;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    error::Error,
    place::{PidFile, Place},
    problem::Problem,
};

/// How long the end may take for whoever asked for it at once: answers that are being written.
const AT_ONCE: Duration = Duration::from_millis(250);

/// A daemon that runs.
pub struct Running {
    started: Started,
    admin: Admin,
    engine: Option<Engine>,
    /// The ports. They end by themselves only when they fail.
    ports: JoinSet<Result<(), ServeError>>,
    close_ports: CancellationToken,
    socket: JoinHandle<AdminSocket>,
    close_socket: CancellationToken,
    beside: JoinSet<()>,
    pid_file: Option<PidFile>,
    place: Option<Place>,
}

struct Engine {
    signet: Signet,
    harnesses: Harnesses,
}

impl Running {
    /// Serves `ports` and the admin socket.
    pub(super) fn serve(
        started: Started,
        ports: Vec<(Bound, Router)>,
        (socket, admin): (AdminSocket, Admin),
        pid_file: Option<PidFile>,
    ) -> Self {
        let (close_ports, close_socket) = (CancellationToken::new(), CancellationToken::new());
        let mut open = JoinSet::new();
        for (bound, router) in ports {
            open.spawn(bound.run(router, close_ports.clone()));
        }
        let (serving, closing) = (admin.clone(), close_socket.clone());
        let socket = tokio::spawn(async move {
            socket.run(&serving, closing).await;
            socket
        });
        Self {
            started,
            admin,
            engine: None,
            ports: open,
            close_ports,
            socket,
            close_socket,
            beside: JoinSet::new(),
            pid_file,
            place: None,
        }
    }

    /// With the engine that is served.
    pub(super) fn with_engine(mut self, signet: Signet, harnesses: Harnesses) -> Self {
        self.engine = Some(Engine { signet, harnesses });
        self
    }

    /// With the folder, which no engine holds.
    pub(super) fn holding(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Does something beside it until its end.
    pub(super) fn beside(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.beside.spawn(task);
    }

    /// What it says when it serves.
    #[must_use]
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Runs until `asked`, or until `signet.stop`; then says farewell, answers what is under way, and ends.
    ///
    /// # Errors
    /// When a port ended by itself.
    pub async fn run(mut self, asked: CancellationToken) -> Result<(), Problem> {
        let mut failed = None;
        let at_once = tokio::select! {
            () = asked.cancelled() => false,
            at_once = self.admin.stop_requested() => at_once,
            Some(ended) = self.ports.join_next() => {
                failed = Some(why(ended));
                false
            }
        };
        tracing::info!("ending");
        self.end(at_once).await;
        failed.map_or(Ok(()), Err)
    }

    async fn end(mut self, at_once: bool) {
        self.beside.shutdown().await;
        self.close_ports.cancel();
        if let Some(engine) = &self.engine {
            engine.signet.say_farewell();
        }
        let mut drained = Box::pin(async {
            if let Some(engine) = &self.engine {
                engine.harnesses.drained().await;
            }
            while self.ports.join_next().await.is_some() {}
        });
        if at_once {
            // whoever did not make it in this time is cut
            let _ = tokio::time::timeout(AT_ONCE, &mut drained).await;
        } else {
            drained.as_mut().await;
        }
        drop(drained);
        self.ports.shutdown().await;
        self.close_socket.cancel();
        let socket = self.socket.await;
        if let Some(engine) = self.engine {
            engine.signet.shutdown().await;
        }
        drop((self.pid_file, self.place));
        // last of all: whoever waits for the end waits for this
        match socket {
            Ok(socket) => drop(socket),
            Err(error) => tracing::error!(%error, "the admin socket ended before its time"),
        }
    }
}

/// Why a port is not served any more.
fn why(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Problem {
    let why = match ended {
        Ok(Err(error)) => return error.into(),
        Ok(Ok(())) => "it was not told to".to_owned(),
        Err(error) => error.to_string(),
    };
    Error::Ended { part: "a port", why }.into()
}
