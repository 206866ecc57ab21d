//! `chancery xmtp shell`: a request a line, an answer a line. What is wrong with a request is its answer; the shell goes on.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use chancery_terminal::Failure;
use serde::Serialize;
use tokio::io::BufReader;

use super::{answer::Answer, follow::Following, lines, request::Line, session::Session};
use crate::error::Error;

/// Stdout, a JSON object a line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines;

impl Lines {
    /// Writes `value` as one line, whole, however many write.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(super) fn write(self, value: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(value).map_err(|error| Error::Output(error.into()))?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line).and_then(|()| out.flush()).map_err(Error::Output)
    }
}

#[derive(Serialize)]
struct Done<'a> {
    ok: bool,
    #[serde(flatten)]
    answer: &'a Answer,
}

#[derive(Serialize)]
struct Failed<'a> {
    ok: bool,
    code: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Runs it until stdin ends, or somebody says `quit`.
///
/// # Errors
/// When stdin cannot be read, or stdout not be written.
pub(super) async fn run(session: Session) -> Result<(), Failure> {
    let session = Arc::new(session);
    let mut stdin = BufReader::new(tokio::io::stdin());
    let mut following = Following::default();
    while let Some(line) = lines::next(&mut stdin).await.map_err(Error::Input)? {
        let line = match line.and_then(|line| Line::parse(&line)) {
            Ok(Some(line)) => line,
            Ok(None) => continue,
            Err(mistake) => {
                fail(&mistake.into())?;
                continue;
            }
        };
        let ends = line == Line::Quit;
        let answer = match line {
            Line::Ask(request) => session.run(request).await,
            Line::Stream(on) => {
                following.set(on, &session).await;
                Ok(Answer::Streaming { streaming: on })
            }
            Line::Help => Ok(Answer::commands()),
            Line::Quit => Ok(Answer::Nothing {}),
        };
        match answer {
            Ok(answer) => Lines.write(&Done {
                ok: true,
                answer: &answer,
            })?,
            Err(failure) => fail(&failure)?,
        }
        if ends {
            break;
        }
    }
    following.set(false, &session).await;
    Ok(())
}

fn fail(failure: &Failure) -> Result<(), Error> {
    Lines.write(&Failed {
        ok: false,
        code: &failure.code,
        error: &failure.message,
        hint: failure.hint.as_deref(),
    })
}
