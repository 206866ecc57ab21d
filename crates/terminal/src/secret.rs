//! Secrets as arguments, without having to put them into the argument list.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Longest secret in bytes: far above any token or key.
const MAX_SECRET: u64 = 64 * 1024;

/// Returns the secret that an argument stands for: `-` is one line of stdin, `@FILE` the first line of a file, anything
/// else is the secret itself (which other users of the machine can then see; hence the two others).
///
/// # Errors
/// [`read_secret_arg`]'s.
pub fn from_arg(raw: &str) -> Result<Zeroizing<String>, Failure> {
    read_secret_arg(raw, &mut io::stdin().lock())
}

/// Like [`from_arg`], with `stdin` given. Line ends are not part of a secret; other spaces are.
///
/// # Errors
/// `SECRET_EMPTY`, `SECRET_TOO_LONG` (64 KiB), `SECRET_NOT_TEXT`, and `SECRET_UNREADABLE` when file or stdin cannot be
/// read. None of them quotes the secret.
pub fn read_secret_arg(raw: &str, stdin: &mut dyn BufRead) -> Result<Zeroizing<String>, Failure> {
    let secret = match (raw, raw.strip_prefix('@')) {
        ("-", _) => first_line(stdin, "stdin")?,
        (_, Some(path)) => {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            first_line(&mut BufReader::new(file), path)?
        }
        _ => Zeroizing::new(raw.to_owned()),
    };
    if secret.is_empty() {
        return Err(Failure::usage("SECRET_EMPTY", "the secret is empty")
            .with_hint("give the value itself, - for one line of stdin, or @FILE for the first line of a file"));
    }
    Ok(secret)
}

/// Returns the secret bytes that an argument stands for: `-` is all that is left of stdin, `@FILE` all of a file, at most
/// `max` bytes. Of text one line end is taken off, as a shell does with `$(…)`; other bytes stay as they are.
///
/// # Errors
/// `SECRET_BARE` for anything else, which would be the secret itself; `SECRET_EMPTY`, `SECRET_TOO_LONG`, and
/// `SECRET_UNREADABLE` when file or stdin cannot be read. None of them quotes the secret.
pub fn all_from_arg(raw: &str, max: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_all_arg(raw, max, &mut io::stdin().lock())
}

fn read_all_arg(raw: &str, max: usize, stdin: &mut dyn BufRead) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let (mut secret, name) = match (raw, raw.strip_prefix('@')) {
        ("-", _) => (everything(stdin, max, "stdin")?, "stdin"),
        (_, Some(path)) => {
            let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
            (everything(&mut file, max, path)?, path)
        }
        _ => {
            let message = "a secret in the argument list is seen by everybody on this machine; consider it known";
            return Err(Failure::usage("SECRET_BARE", message).with_hint("give - for stdin, or @FILE"));
        }
    };
    if std::str::from_utf8(&secret).is_ok() {
        let line_end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| secret.ends_with(end));
        let kept = secret.len() - line_end.map_or(0, <[u8]>::len);
        secret.truncate(kept);
    }
    if secret.is_empty() {
        return Err(Failure::usage("SECRET_EMPTY", format!("{name} is empty")));
    }
    Ok(secret)
}

fn everything(from: &mut dyn io::Read, max: usize, name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // as large as it can become: growing would leave copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(max + 3));
    from.take(max as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(name, &error))?;
    let line_end = if bytes.ends_with(b"\r\n") { 2 } else { 1 };
    if bytes.len() > max + line_end || (bytes.len() > max && !bytes.ends_with(b"\n")) {
        return Err(Failure::usage(
            "SECRET_TOO_LONG",
            format!("{name} is longer than {max} bytes"),
        ));
    }
    Ok(bytes)
}

fn first_line(from: &mut dyn BufRead, name: &str) -> Result<Zeroizing<String>, Failure> {
    // as large as it can become: growing would leave copies behind
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_SECRET as usize + 1));
    from.take(MAX_SECRET + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| unreadable(name, &error))?;
    if line.len() as u64 > MAX_SECRET {
        return Err(Failure::usage(
            "SECRET_TOO_LONG",
            format!("the first line of {name} is longer than 64 KiB"),
        ));
    }
    let text = std::str::from_utf8(&line)
        .map_err(|_| Failure::usage("SECRET_NOT_TEXT", format!("the first line of {name} is not UTF-8 text")))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(
        "SECRET_UNREADABLE",
        format!("cannot read the secret from {name}: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, stdin: &[u8]) -> Result<String, String> {
        let mut stdin = stdin;
        read_secret_arg(raw, &mut stdin)
            .map(|secret| secret.as_str().to_owned())
            .map_err(|failure| {
                assert!(!failure.message.contains("hunter2"), "{}", failure.message);
                failure.code
            })
    }

    #[test]
    fn the_argument_itself() {
        assert_eq!(read("hunter2", b""), Ok("hunter2".into()));
        assert_eq!(read("", b""), Err("SECRET_EMPTY".into()));
    }

    #[test]
    fn one_line_of_stdin() {
        assert_eq!(read("-", b"hunter2\nnext\n"), Ok("hunter2".into()));
        assert_eq!(read("-", b" spaced \r\n"), Ok(" spaced ".into()));
        assert_eq!(read("-", b"no newline"), Ok("no newline".into()));
        assert_eq!(read("-", b""), Err("SECRET_EMPTY".into()));
        assert_eq!(read("-", b"\n"), Err("SECRET_EMPTY".into()));
        assert_eq!(read("-", b"hunter2\xff\n"), Err("SECRET_NOT_TEXT".into()));
        assert_eq!(read("-", &vec![b'a'; 70_000]), Err("SECRET_TOO_LONG".into()));
    }

    #[test]
    fn the_first_line_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter2\nrest\n").unwrap();
        assert_eq!(read(&format!("@{}", path.display()), b""), Ok("hunter2".into()));
        assert_eq!(
            read(&format!("@{}.missing", path.display()), b""),
            Err("SECRET_UNREADABLE".into())
        );
    }

    fn read_all(raw: &str, stdin: &[u8]) -> Result<Vec<u8>, String> {
        let mut stdin = stdin;
        read_all_arg(raw, 8, &mut stdin)
            .map(|secret| secret.to_vec())
            .map_err(|failure| {
                assert!(!failure.message.contains("hunter2"), "{}", failure.message);
                failure.code
            })
    }

    #[test]
    fn all_of_stdin_without_the_last_line_end_of_a_text() {
        assert_eq!(read_all("-", b"a\nb\n"), Ok(b"a\nb".to_vec()));
        assert_eq!(read_all("-", b"a\r\n"), Ok(b"a".to_vec()));
        assert_eq!(read_all("-", b"a\n\n"), Ok(b"a\n".to_vec()));
        assert_eq!(read_all("-", b"\xff\n"), Ok(b"\xff\n".to_vec()));
        assert_eq!(read_all("-", b"12345678"), Ok(b"12345678".to_vec()));
        assert_eq!(read_all("-", b"12345678\n"), Ok(b"12345678".to_vec()));
        assert_eq!(read_all("-", b"12345678\r\n"), Ok(b"12345678".to_vec()));
        assert_eq!(read_all("-", b"123456789"), Err("SECRET_TOO_LONG".into()));
        assert_eq!(read_all("-", b"123456789\n"), Err("SECRET_TOO_LONG".into()));
        assert_eq!(read_all("-", b"\n"), Err("SECRET_EMPTY".into()));
        assert_eq!(read_all("hunter2", b"x"), Err("SECRET_BARE".into()));
    }

    #[test]
    fn all_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "a\nb\n").unwrap();
        assert_eq!(read_all(&format!("@{}", path.display()), b""), Ok(b"a\nb".to_vec()));
        assert_eq!(
            read_all(&format!("@{}.missing", path.display()), b""),
            Err("SECRET_UNREADABLE".into())
        );
    }

    #[test]
    fn the_rest_of_stdin_stays_there() {
        let mut stdin: &[u8] = b"one\ntwo\n";
        assert_eq!(read_secret_arg("-", &mut stdin).unwrap().as_str(), "one");
        assert_eq!(read_secret_arg("-", &mut stdin).unwrap().as_str(), "two");
    }
}
