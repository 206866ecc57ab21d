//! What comes in, as it comes in.

use std::pin::pin;

use chancery_base::ErrorCode as _;
use chancery_serve::shutdown;
use chancery_terminal::{Failure, Output};
use chancery_xmtp_client::client::{Client, ClientError, Event};
use futures_util::{Stream, StreamExt as _};
use tokio::task::JoinHandle;

use super::{answer::EventView, session::Session, shell::Lines};
use crate::error::Error;

/// Events of a client while somebody wants them.
#[derive(Debug, Default)]
pub(super) struct Following(Option<JoinHandle<()>>);

impl Following {
    /// Begins or ends; nothing where it is so already. When it has ended no event comes any more.
    pub(super) async fn set(&mut self, on: bool, session: &Session) {
        match (on, self.0.take()) {
            (true, Some(running)) => self.0 = Some(running),
            (true, None) => self.0 = Some(tokio::spawn(tell(session.client().follow()))),
            (false, Some(running)) => {
                running.abort();
                // whether it was aborted or had ended: it is over
                let _ = running.await;
            }
            (false, None) => {}
        }
    }
}

/// Writes events to stdout until there are none, or stdout is gone.
async fn tell(events: impl Stream<Item = Result<Event, ClientError>>) {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        if Lines.write(&view(event)).is_err() {
            return;
        }
    }
    // nobody to tell when that fails
    let _ = Lines.write(&EventView::Ended {});
}

fn view(event: Result<Event, ClientError>) -> EventView {
    match event {
        Ok(event) => event.into(),
        Err(error) => EventView::Error {
            code: error.code().to_owned(),
            error: error.to_string(),
        },
    }
}

/// `chancery xmtp stream`: prints what comes in until SIGINT or SIGTERM.
///
/// # Errors
/// When stdout cannot be written; that of the client when its stream ends.
pub(super) async fn run(session: Session, output: &Output) -> Result<(), Failure> {
    let asked = shutdown::on_signals();
    let client: &Client = session.client();
    let mut events = pin!(client.follow());
    loop {
        tokio::select! {
            () = asked.cancelled() => return Ok(()),
            event = events.next() => match event {
                None => return Ok(()),
                Some(event) => {
                    let view = view(event);
                    output.line(&view, |out| view.write(out)).map_err(Error::Output)?;
                }
            },
        }
    }
}
