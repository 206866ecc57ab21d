//! `chancery xmtp`: our XMTP client, one command or one line at a time.

pub mod answer;
pub mod content;
pub mod error;
pub mod files;
mod follow;
mod lines;
pub mod request;
mod session;
mod shell;

use std::path::PathBuf;

use chancery_serve::system::small_pages;
use chancery_terminal::{Failure, Output};
use chancery_xmtp_client::{network::Endpoint, storage::InboxKey};
use clap::{Args, Subcommand, ValueEnum};

use crate::error::Error;
use request::{ConversationId, Peer, Request};
use session::Session;

/// Arguments of `xmtp`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "An inbox is a file. Beside it lie FILE.key, with which it is encrypted, and FILE.wallet, the key
of the wallet that owns the inbox; all are for their owner alone. A copy of the file is not another
device: never use two of them. INBOX is an inbox id or the address of a wallet, CONV the id of a
conversation.

Examples:
  chancery xmtp new --db me.db
  chancery xmtp group --db me.db --name friends 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266
  chancery xmtp send --db me.db CONV 'hello there'
  chancery xmtp stream --db me.db --json
  chancery xmtp shell --db me.db"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register: make an inbox, or another installation of one whose wallet is given
    #[command(after_help = "Examples:
  chancery xmtp new --db me.db
  chancery xmtp new --node http://127.0.0.1:5557 --db phone.db --wallet-file me.db.wallet")]
    New(Place),
    /// Show who this is
    #[command(after_help = "Examples:
  chancery xmtp info --db me.db --json")]
    Info(Place),
    /// Make a group
    #[command(after_help = "Examples:
  chancery xmtp group --db me.db --name friends INBOX 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")]
    Group {
        #[command(flatten)]
        place: Place,
        /// What it is called
        #[arg(long)]
        name: Option<String>,
        /// Who is in it: inbox ids or addresses
        #[arg(value_name = "INBOX", required = true)]
        members: Vec<Peer>,
    },
    /// Make the DM with somebody, or find it
    #[command(after_help = "Examples:
  chancery xmtp dm --db me.db 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")]
    Dm {
        #[command(flatten)]
        place: Place,
        /// Inbox id or address
        #[arg(value_name = "INBOX")]
        peer: Peer,
    },
    /// Send a text
    #[command(after_help = "Examples:
  chancery xmtp send --db me.db CONV 'hello there'")]
    Send {
        #[command(flatten)]
        place: Place,
        /// The conversation
        #[arg(value_name = "CONV")]
        conversation: ConversationId,
        /// What to say
        text: String,
    },
    /// Read what is new, and list the conversations
    #[command(after_help = "Examples:
  chancery xmtp list --db me.db --json")]
    List(Place),
    /// Print conversations and messages as they come in, until SIGINT or SIGTERM
    #[command(after_help = "Examples:
  chancery xmtp stream --db me.db --json")]
    Stream(Place),
    /// Answer commands from stdin, a line of JSON each
    #[command(
        after_help = "Each line is answered by one JSON object on a line, {\"ok\":true,...} or
{\"ok\":false,\"code\":...,\"error\":...,\"hint\":...}. After stream on, lines {\"event\":...} come between them. A TEXT
or NAME that begins with a double quote is a JSON string; else TEXT is the rest of the line.

Commands: info, installations, revoke INSTALLATION, group [NAME] INBOX..., dm INBOX, sync, list,
messages CONV, members CONV, send CONV TEXT, add|remove CONV INBOX,
promote|demote CONV INBOX [super], rename CONV NAME, update-keys CONV, leave CONV, stream on|off,
debug CONV, help, quit.

Examples:
  chancery xmtp shell --db me.db
  echo list | chancery xmtp shell --node local --db me.db"
    )]
    Shell(Place),
}

/// Which inbox, and where its node is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The node: a URL, or local, dev or production [default: local, http://localhost:5556]
    #[arg(long, value_name = "URL", conflicts_with = "network")]
    node: Option<Endpoint>,
    /// One of XMTP's networks instead of a node
    #[arg(long, value_name = "NETWORK")]
    network: Option<Network>,
    /// The inbox's file
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The key of the wallet that owns the inbox: 64 hex digits [default: FILE.wallet]
    #[arg(long, value_name = "FILE")]
    wallet_file: Option<PathBuf>,
    /// The key that encrypts the inbox's file: 64 hex digits [default: FILE.key, which `new` makes]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// XMTP's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// A node on this machine
    Local,
    /// For trying things out
    Dev,
    /// The one that people use
    Production,
}

impl Place {
    /// Where the node is.
    ///
    /// # Errors
    /// When the network's name is none that the client knows, which does not happen.
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(node) = &self.node {
            return Ok(node.clone());
        }
        let name = match self.network {
            None | Some(Network::Local) => "local",
            Some(Network::Dev) => "dev",
            Some(Network::Production) => "production",
        };
        Ok(name.parse::<Endpoint>()?)
    }

    /// Where the key of the wallet is.
    fn wallet(&self) -> PathBuf {
        let given = self.wallet_file.clone();
        given.unwrap_or_else(|| files::beside(&self.db, files::WALLET))
    }

    /// Where the key of the inbox's file is.
    fn key(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| InboxKey::beside(&self.db))
    }
}

/// Runs it.
///
/// # Errors
/// Whatever keeps the command from doing what it was asked.
pub async fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    small_pages();
    let (place, request) = match arguments.command {
        Command::New(place) => {
            let session = Session::register(&place).await?;
            let answer = session.run(Request::Info).await?;
            return print(&answer, output);
        }
        Command::Shell(place) => return shell::run(Session::open(&place).await?).await,
        Command::Stream(place) => return follow::run(Session::open(&place).await?, output).await,
        Command::Info(place) => (place, Request::Info),
        Command::Group { place, name, members } => (place, Request::Group { name, members }),
        Command::Dm { place, peer } => (place, Request::Dm(peer)),
        Command::List(place) => (place, Request::List),
        Command::Send {
            place,
            conversation,
            text,
        } => (place, Request::Send { conversation, text }),
    };
    let session = Session::open(&place).await?;
    // each of them is about what the network has by now
    if !matches!(request, Request::Info) {
        session.run(Request::Sync).await?;
    }
    let answer = session.run(request).await?;
    print(&answer, output)
}

fn print(answer: &answer::Answer, output: &Output) -> Result<(), Failure> {
    let written = output.result(answer, |out| answer.write(out));
    written.map_err(Error::Output)?;
    Ok(())
}
