//! The yardsticks: an echo over tokio-tungstenite and nothing else, and the least that a durable fan-out does.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use chancery_store::{
    Command, Database, Migration, Options, StoreError,
    rusqlite::{Connection, params},
};
use futures_util::{StreamExt as _, future};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{Request, Response},
};

use crate::process::ServeOptions;

/// One row a harness and one text for all: what any signet keeps that can send it again.
const MIGRATIONS: &[Migration] = &[Migration {
    name: "bench-1",
    sql: "CREATE TABLE bodies (id INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;
          CREATE TABLE events (stream INTEGER, seq INTEGER, body INTEGER, PRIMARY KEY (stream, seq)) STRICT, WITHOUT ROWID;",
}];

type Sockets = Arc<Mutex<Vec<TcpStream>>>;

/// Whoever asks for `/fan` is kept for what is said; everybody else hears what he says. On stdin `say N` writes N bytes to all
/// that are kept, once a row of each is durable.
pub(crate) async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let database = Database::open(&options.dir.join("bench.sqlite3"), MIGRATIONS, Options::default())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let kept = Sockets::default();
    let keeping = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(welcome(stream, Arc::clone(&keeping)));
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut seq = 0;
    while let Some(line) = lines.next_line().await? {
        let (_, bytes) = line.split_once(' ').context("a command and a number")?;
        sockets.append(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        seq += 1;
        let event = "x".repeat(bytes.parse()?);
        let frame = frame(&event);
        let append = Append {
            seq,
            streams: sockets.len(),
            event,
        };
        database.submit(append).await?;
        for socket in &mut sockets {
            socket.write_all(&frame).await?;
        }
        println!("said");
    }
    Ok(())
}

async fn welcome(stream: TcpStream, kept: Sockets) {
    let mut keep = false;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, response: Response| {
        keep = request.uri().path() == "/fan";
        Ok(response)
    };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(socket) = accept_hdr_async(stream, look).await else {
        return;
    };
    if keep {
        kept.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(socket.into_inner());
        return;
    }
    // the library's own example: what is read together is written together
    let (write, read) = socket.split();
    let texts = read.filter(|message| future::ready(message.as_ref().map_or(true, |message| message.is_text())));
    // it ends when the client has gone
    let _ = texts.forward(write).await;
}

/// A text of a server (RFC 6455 section 5.2).
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => frame.extend(length.to_be_bytes().last()),
        Ok(length) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}

/// A row for each stream.
struct Append {
    seq: i64,
    streams: usize,
    event: String,
}

impl Command for Append {
    type Output = ();
    type Error = StoreError;

    fn weight(&self) -> usize {
        self.event.len()
    }

    fn needs_savepoint(&self) -> bool {
        false
    }

    fn apply(self, tx: &Connection) -> Result<(), StoreError> {
        tx.prepare_cached("INSERT INTO bodies (event) VALUES (?1)")?
            .execute([&self.event])?;
        let body = tx.last_insert_rowid();
        let mut insert = tx.prepare_cached("INSERT INTO events (stream, seq, body) VALUES (?1, ?2, ?3)")?;
        for stream in 0..self.streams {
            insert.execute(params![stream as i64, self.seq, body])?;
        }
        Ok(())
    }
}
