//! The admin socket, from the client's side: one line of JSON each way (signet spec 5.8).
//!
//! Who is who. The daemon asks the kernel for the uid of whoever connects. A process of the daemon's own user is let in by that
//! alone and sends `{"type":"admin_auth"}`; anybody else, or everybody where `admin.peerCredentials` is off, sends a token of the
//! admin key with it. So `xs` opens no vault. It also means that every program of that user is an admin: limits for a harness of
//! the same user are advisory, and `xs status` says so. What only the owner may decide is not let through by this: the daemon
//! then asks for a signature of the root key, see [`owner`].

mod line;
pub(crate) mod owner;

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use chancery_signet_wire::{
    ActionResult, BearerToken, Class, Failure,
    action::Call,
    admin::{AdminAuth, Notification, RpcError, RpcId, RpcRequest, RpcResponse, SUBSCRIBE, Subscribe},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Problem, problem::Result, tree::Tree};
use line::{Lines, Received};

/// How long an answer may take: longer than the daemon gives its own requests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the daemon is, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// The socket.
    pub(crate) socket: PathBuf,
    /// Whether somebody chose it. Where nobody did, only a process of ours is believed to be our daemon: the place may be one
    /// where others can make a socket.
    pub(crate) chosen: bool,
    /// A token of the admin key, where one was given.
    pub(crate) token: Option<BearerToken>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Unreachable {
    /// Nobody listens.
    Stopped(PathBuf),
    /// Anything else.
    Other(Problem),
}

impl From<Unreachable> for Problem {
    fn from(unreachable: Unreachable) -> Self {
        match unreachable {
            Unreachable::Stopped(socket) => {
                let message = format!("the daemon does not run: nobody listens on {}", socket.display());
                Self::new(Class::Network, message).with_hint("xs daemon start")
            }
            Unreachable::Other(problem) => problem,
        }
    }
}

/// A connection that the daemon has let in.
#[derive(Debug)]
pub(crate) struct Client {
    lines: Lines,
    next: u64,
}

impl Client {
    /// Connects and is let in.
    pub(crate) fn connect(door: &Door) -> std::result::Result<Self, Unreachable> {
        let stream = UnixStream::connect(&door.socket).map_err(|error| unreachable(&door.socket, &error))?;
        check_server(door, &stream).map_err(Unreachable::Other)?;
        let mut client = Self {
            lines: Lines::over(stream, PATIENCE).map_err(Unreachable::Other)?,
            next: 1,
        };
        client.authenticate(door.token.clone()).map_err(Unreachable::Other)?;
        Ok(client)
    }

    fn authenticate(&mut self, token: Option<BearerToken>) -> Result<()> {
        let line = AdminAuth { token }.encode().map_err(unwritable)?;
        self.lines.send(&line)?;
        match self.lines.receive()? {
            Received::Answer(RpcResponse { error: None, .. }) => Ok(()),
            Received::Answer(RpcResponse { error: Some(error), .. }) => Err(Problem::from(failure(error))
                .with_hint("`xs admin token` prints a token where the daemon's user runs it")),
            Received::Event(_) => Err(not_understood()),
        }
    }

    /// Sets how long an answer may take.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Result<()> {
        self.lines.wait(patience)
    }

    /// Has an action done and returns what it answered.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Tree> {
        self.request(call.id(), call.params().map_err(unwritable)?)
    }

    /// Asks for notifications. They come between answers from now on.
    pub(crate) fn subscribe(&mut self, what: &Subscribe) -> Result<()> {
        let id = self.send(SUBSCRIBE, members(what)?)?;
        self.answer(&id).map(|_| ())
    }

    /// Waits for something to happen.
    pub(crate) fn event(&mut self) -> Result<Notification> {
        match self.lines.event()? {
            Received::Event(event) => Ok(event),
            Received::Answer(_) => Err(not_understood()),
        }
    }

    /// Has `method` done, and returns the data of its answer.
    pub(crate) fn request(&mut self, method: &str, params: Map<String, Value>) -> Result<Tree> {
        let id = self.send(method, params)?;
        let result: ActionResult = {
            let text = self.answer(&id)?;
            serde_json::from_str(&text).map_err(|_| not_understood())?
        };
        match result {
            ActionResult::Success { data, .. } => data.read().map_err(|_| not_understood()),
            ActionResult::Failure { failure, .. } => Err(failure.into()),
        }
    }

    fn send(&mut self, method: &str, params: Map<String, Value>) -> Result<RpcId> {
        let id = RpcId::Number(self.next.into());
        self.next += 1;
        let request = RpcRequest {
            id: id.clone(),
            method: method.to_owned(),
            params,
        };
        self.lines.send(&request.encode().map_err(unwritable)?)?;
        Ok(id)
    }

    /// The result of the request `id`, as JSON.
    fn answer(&mut self, id: &RpcId) -> Result<String> {
        let Received::Answer(response) = self.lines.receive()? else {
            return Err(not_understood());
        };
        match response {
            RpcResponse { error: Some(error), .. } => Err(failure(error).into()),
            RpcResponse {
                id: Some(Some(answered)),
                result: Some(result),
                ..
            } if answered == *id => Ok(result.get().to_owned()),
            _ => Err(not_understood()),
        }
    }
}

/// `input` as the params of a request.
pub(crate) fn members<T: Serialize>(input: &T) -> Result<Map<String, Value>> {
    match serde_json::to_value(input) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::internal("an input is no object")),
        Err(error) => Err(unwritable(error)),
    }
}

/// The failure that an error of JSON-RPC tells. One without an action's own words has a code all the same.
fn failure(error: RpcError) -> Failure {
    let class = match (&error.data, error.code) {
        (Some(data), _) => data.tag,
        (None, -32000) => Class::Auth,
        (None, -32001) => Class::Timeout,
        (None, -32002) => Class::Network,
        (None, -32003) => Class::Permission,
        (None, -32006) => Class::Cancelled,
        (None, -32007) => Class::NotFound,
        (None, -32602) => Class::Validation,
        (None, _) => Class::Internal,
    };
    let mut failure = Failure::new(class, error.message);
    failure.context = error.data.and_then(|data| data.context);
    failure
}

/// A socket that nobody chose may be anybody's.
fn check_server(door: &Door, stream: &UnixStream) -> Result<()> {
    if door.chosen {
        return Ok(());
    }
    let server = rustix::net::sockopt::socket_peercred(stream)
        .map_err(|error| Problem::internal(format!("cannot tell who serves the admin socket: {error}")))?;
    if server.uid == rustix::process::geteuid() {
        return Ok(());
    }
    let message = format!(
        "{} is served by another user (uid {})",
        door.socket.display(),
        server.uid.as_raw()
    );
    Err(Problem::new(Class::Auth, message)
        .with_hint("if that is your daemon, name its socket in XMTP_SIGNET_ADMIN_SOCKET"))
}

fn unreachable(socket: &Path, error: &io::Error) -> Unreachable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Unreachable::Stopped(socket.to_owned()),
        io::ErrorKind::PermissionDenied => {
            let message = format!("{} is another user's", socket.display());
            Unreachable::Other(Problem::new(Class::Permission, message))
        }
        _ => {
            let message = format!("cannot connect to {}: {error}", socket.display());
            Unreachable::Other(Problem::new(Class::Network, message))
        }
    }
}

fn unwritable(error: serde_json::Error) -> Problem {
    Problem::internal(format!("cannot write the request: {error}"))
}

fn not_understood() -> Problem {
    Problem::internal("the daemon answered something that is not understood here")
        .with_hint("is it of the same version?")
}
