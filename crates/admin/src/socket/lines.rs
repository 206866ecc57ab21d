//! Lines of a connection, up to a length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A line, without its end.
    Line(String),
    /// A line that is not UTF-8.
    Garbled,
    /// A line that is longer than a line may be. What follows cannot be told apart any more.
    TooLong,
    /// Nothing more will come; a line without an end is none.
    End,
}

/// Reads lines of at most `longest` bytes, the end not counted.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    longest: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Self {
            reader,
            line: Vec::new(),
            longest,
        }
    }

    /// The next line. Whoever stops waiting for it loses nothing: what was read is kept.
    pub(super) async fn next(&mut self) -> Read {
        loop {
            let Ok(read) = self.reader.fill_buf().await else {
                return Read::End;
            };
            if read.is_empty() {
                return Read::End;
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let piece = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
            if self.line.len().saturating_add(piece.len()) > self.longest {
                return Read::TooLong;
            }
            self.line.extend_from_slice(piece);
            let used = piece.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                return String::from_utf8(line).map_or(Read::Garbled, Read::Line);
            }
        }
    }
}
