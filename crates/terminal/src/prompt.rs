//! Asking whoever sits at the terminal.
//!
//! Questions go to the controlling terminal itself, so they work while stdin and stdout are pipes. Where there is no
//! terminal (a service, CI), each of them is the failure `TERMINAL_REQUIRED`, never a guess.

use std::io;

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::tty::{Tty, Unanswered};

/// Whether there is a terminal to ask at.
#[must_use]
pub fn is_possible() -> bool {
    Tty::open().is_ok()
}

/// Asks for a line, which may be empty.
///
/// # Errors
/// `TERMINAL_REQUIRED` without a terminal, `PROMPT_CANCELLED` at the end of the input.
pub fn ask(question: &str) -> Result<String, Failure> {
    open(question)?.ask(&format!("{question} ")).map_err(unanswered)
}

/// Asks for a secret, which the terminal does not show.
///
/// # Errors
/// Those of [`ask`], and `PROMPT_CANCELLED` at Control-C too.
pub fn secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    open(question)?.ask_secret(&format!("{question} ")).map_err(unanswered)
}

/// Asks for a new secret twice.
///
/// # Errors
/// Those of [`secret`], and `PROMPT_MISMATCH` when the two differ.
pub fn new_secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    new_secret_that(question, |_| Ok(()))
}

/// The same for a secret that must fit something, which is known before it is asked for again.
///
/// # Errors
/// Those of [`new_secret`], and that of `fits`.
pub fn new_secret_that<E: From<Failure>>(
    question: &str,
    fits: impl FnOnce(&str) -> Result<(), E>,
) -> Result<Zeroizing<String>, E> {
    let first = secret(question)?;
    fits(&first)?;
    let again = secret("Once more:")?;
    if *first == *again {
        Ok(first)
    } else {
        Err(Failure::new("PROMPT_MISMATCH", "the two are not the same").into())
    }
}

/// Asks for yes or no; an empty answer is no, and so is anything but `y` or `yes`.
///
/// # Errors
/// Those of [`ask`].
pub fn confirm(question: &str) -> Result<bool, Failure> {
    let answer = ask(&format!("{question} [y/N]"))?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

fn open(question: &str) -> Result<Tty, Failure> {
    Tty::open().map_err(|error| no_terminal(question, &error))
}

fn no_terminal(question: &str, error: &io::Error) -> Failure {
    let question = question.lines().next().unwrap_or_default().trim_end_matches([':', '?']);
    Failure::usage(
        "TERMINAL_REQUIRED",
        format!("cannot ask \"{question}\" without a terminal ({error})"),
    )
    .with_hint("give it as an option; secrets also come as - (stdin) or @FILE")
}

fn unanswered(why: Unanswered) -> Failure {
    match why {
        Unanswered::Cancelled => Failure::new("PROMPT_CANCELLED", "cancelled").with_exit(130),
        Unanswered::Unusable => Failure::new("PROMPT_UNUSABLE", "the answer is too long, or not UTF-8 text"),
        Unanswered::Io(error) => Failure::new("PROMPT_FAILED", format!("cannot read the terminal: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y", "Y", "yes", " YES "] {
            assert!(is_yes(yes));
        }
        for no in ["", "n", "no", "yeah", "ye", "1"] {
            assert!(!is_yes(no));
        }
    }

    #[test]
    fn without_a_terminal_the_failure_says_what_was_to_be_asked() {
        let failure = no_terminal("Passphrase:", &io::Error::from_raw_os_error(6));
        assert_eq!(failure.code, "TERMINAL_REQUIRED");
        assert!(
            failure
                .message
                .starts_with("cannot ask \"Passphrase\" without a terminal")
        );
        assert_eq!(failure.exit, 2);
        let failure = no_terminal("Which one?\n  a this\n  b that", &io::Error::from_raw_os_error(6));
        assert!(
            failure.message.starts_with("cannot ask \"Which one\" without"),
            "{failure}"
        );
    }

    #[test]
    fn a_cancelled_question_exits_as_the_shell_expects() {
        assert_eq!(unanswered(Unanswered::Cancelled).exit, 130);
    }
}
