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

    #[test]
    fn the_rest_of_stdin_stays_there() {
        let mut stdin: &[u8] = b"one\ntwo\n";
        assert_eq!(read_secret_arg("-", &mut stdin).unwrap().as_str(), "one");
        assert_eq!(read_secret_arg("-", &mut stdin).unwrap().as_str(), "two");
    }
}
