//! The terminal itself, which is there even when stdin is a pipe.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longest answer in bytes.
const MAX_ANSWER: usize = 4096;

const INTERRUPT: u8 = 0x03;
const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// How a question ended without an answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Control-C, or the end of the input.
    Cancelled,
    /// Longer than 4 KiB, or not UTF-8.
    Unusable,
    /// The terminal could not be read or set.
    Io(io::Error),
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A terminal to ask on.
#[derive(Debug)]
pub(crate) struct Tty(File);

impl Tty {
    /// The terminal that controls this process.
    pub(crate) fn open() -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").map(Self)
    }

    #[cfg(test)]
    pub(crate) fn on(file: File) -> Self {
        Self(file)
    }

    /// Shows `question` and reads a line as the terminal edits it.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String, Unanswered> {
        self.show(question)?;
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                None if line.is_empty() => return Err(Unanswered::Cancelled),
                None | Some(b'\n') => break,
                Some(byte) => line.push(byte),
            }
            if line.len() > MAX_ANSWER {
                return Err(Unanswered::Unusable);
            }
        }
        let text = String::from_utf8(line).map_err(|_| Unanswered::Unusable)?;
        Ok(text.trim_end_matches('\r').to_owned())
    }

    /// Shows `question` and reads a line that the terminal does not show. Line editing is done here: with the
    /// terminal's own, Control-C would end the process and leave the terminal silent.
    pub(crate) fn ask_secret(&mut self, question: &str) -> Result<Zeroizing<String>, Unanswered> {
        let silence = Silence::over(self)?;
        silence.tty.show(question)?;
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
        let answered = loop {
            match silence.tty.byte()? {
                Some(b'\n' | b'\r') => break Ok(()),
                Some(INTERRUPT) => break Err(Unanswered::Cancelled),
                None | Some(END_OF_INPUT) if line.is_empty() => break Err(Unanswered::Cancelled),
                None | Some(END_OF_INPUT) => break Ok(()),
                Some(BACKSPACE | DELETE) => {
                    // one character: its continuation bytes and its first
                    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                }
                Some(ERASE_LINE) => line.clear(),
                Some(_) if line.len() >= MAX_ANSWER => break Err(Unanswered::Unusable),
                Some(byte) => line.push(byte),
            }
        };
        silence.tty.show("\n")?;
        answered?;
        let text = std::str::from_utf8(&line).map_err(|_| Unanswered::Unusable)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn show(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }

    /// `None` at the end of the input.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0_u8];
        loop {
            match self.0.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    let [byte] = byte;
                    return Ok(Some(byte));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A terminal that shows nothing and passes every key on, until this is dropped.
struct Silence<'t> {
    tty: &'t mut Tty,
    before: Termios,
}

impl<'t> Silence<'t> {
    fn over(tty: &'t mut Tty) -> io::Result<Self> {
        let before = tcgetattr(&tty.0)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // what was typed before the question was not an answer to it
        tcsetattr(&tty.0, OptionalActions::Flush, &silent)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty.0, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// The keyboard and screen, and the terminal between them and the program.
    fn terminal() -> (File, Tty) {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let terminal = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (File::from(keyboard), Tty::on(File::from(terminal)))
    }

    fn screen_until(screen: &mut File, end: &str) -> String {
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(end.as_bytes()) {
            screen.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        String::from_utf8(seen).unwrap()
    }

    /// Types `keys` once the question is on the screen; returns the answer and all that the screen showed after it.
    fn type_secret(keys: &[u8]) -> (Result<Zeroizing<String>, Unanswered>, String, bool) {
        let (mut keyboard, mut tty) = terminal();
        let asking = thread::spawn(move || {
            let answer = tty.ask_secret("Passphrase: ");
            let echo = tcgetattr(&tty.0)
                .unwrap()
                .local_modes
                .contains(LocalModes::ECHO | LocalModes::ICANON);
            (answer, echo, tty)
        });
        screen_until(&mut keyboard, "Passphrase: ");
        keyboard.write_all(keys).unwrap();
        let shown = screen_until(&mut keyboard, "\n");
        let (answer, echo, _tty) = asking.join().unwrap();
        (answer, shown, echo)
    }

    #[test]
    fn a_secret_is_not_shown_and_the_terminal_is_as_before() {
        let (answer, shown, echo) = type_secret(b"hunter2\n");
        assert_eq!(answer.unwrap().as_str(), "hunter2");
        assert_eq!(shown, "\r\n");
        assert!(echo);
    }

    #[test]
    fn a_secret_can_be_corrected() {
        assert_eq!(
            type_secret(b"wrong\x15hunt\xc3\xa4\x7fer23\x7f\n").0.unwrap().as_str(),
            "hunter2"
        );
    }

    #[test]
    fn control_c_cancels_and_leaves_the_terminal_as_before() {
        let (answer, _, echo) = type_secret(b"hun\x03");
        assert!(matches!(answer, Err(Unanswered::Cancelled)));
        assert!(echo);
    }

    #[test]
    fn a_question_is_answered_with_a_line() {
        let (mut keyboard, mut tty) = terminal();
        keyboard.write_all(b"alice\n").unwrap();
        assert_eq!(tty.ask("Name: ").unwrap(), "alice");
    }
}
