//! Lines of a stream, each within a limit: what is too long is passed over, and the next line is read as if nothing were.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::error::Mistake;

/// Longest line in bytes: above any message that a node takes as text.
pub(super) const MAX_LINE: usize = 1 << 20;

/// The next line, without its end; none at the end of the stream.
///
/// # Errors
/// When the stream cannot be read. What is wrong with the line alone is inside.
pub(super) async fn next(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Result<String, Mistake>>> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let read = from.fill_buf().await?;
        if read.is_empty() {
            break;
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = &read[..end.unwrap_or(read.len())];
        length += part.len();
        if length <= MAX_LINE {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(finished(line, length)));
        }
    }
    // the last line may lack its end
    Ok((length > 0).then(|| finished(line, length)))
}

fn finished(mut line: Vec<u8>, length: usize) -> Result<String, Mistake> {
    if length > MAX_LINE {
        return Err(Mistake::TooLong(MAX_LINE));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| Mistake::NotText)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn a_bad_line_does_not_harm_the_next_one() {
        let mut bytes = b"one\r\n\n\xff\n".to_vec();
        bytes.extend(vec![b'x'; MAX_LINE + 1]);
        bytes.push(b'\n');
        bytes.extend(vec![b'y'; MAX_LINE]);
        bytes.extend(b"\nlast");
        // a buffer that no line ends with
        let mut from = BufReader::with_capacity(7, &bytes[..]);
        let mut read = Vec::new();
        while let Some(line) = next(&mut from).await.unwrap() {
            read.push(line);
        }
        let expected = [
            Ok("one".to_owned()),
            Ok(String::new()),
            Err(Mistake::NotText),
            Err(Mistake::TooLong(MAX_LINE)),
            Ok("y".repeat(MAX_LINE)),
            Ok("last".to_owned()),
        ];
        assert!(
            read == expected,
            "{:?}",
            read.iter()
                .map(|line| line.as_ref().map(String::len))
                .collect::<Vec<_>>()
        );
    }
}
