//! What the demo says of its steps.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use chancery_terminal::{Failure, Output};
use serde::Serialize;

use crate::error::Error;

/// All steps, in order. Each is one line.
pub(super) const STEPS: [&str; 14] = [
    "registry",
    "relay",
    "bootstrap",
    "invite",
    "humans",
    "agents",
    "pairing",
    "connectors",
    "message",
    "receipt",
    "answer",
    "offline",
    "replay",
    "revocation",
];

/// Shows each step as it ends, and counts.
pub(super) struct Report {
    output: Arc<Output>,
    open: VecDeque<&'static str>,
    failed: usize,
    began: Instant,
}

#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    ok: bool,
    ms: u64,
    detail: &'a str,
}

impl Report {
    pub(super) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            open: STEPS.into(),
            failed: 0,
            began: Instant::now(),
        }
    }

    /// Runs the next step, shows how it ended, and returns what it made.
    pub(super) async fn step<T>(&mut self, work: impl Future<Output = Result<(T, String), Failure>>) -> Option<T> {
        let step = self.open.pop_front()?;
        let began = Instant::now();
        let result = work.await;
        let ms = millis(began);
        match result {
            Ok((made, detail)) => {
                self.show(&Line {
                    step,
                    ok: true,
                    ms,
                    detail: &detail,
                });
                Some(made)
            }
            Err(failure) => {
                self.failed += 1;
                let detail = format!("{} ({})", failure.message, failure.code);
                self.show(&Line {
                    step,
                    ok: false,
                    ms,
                    detail: &detail,
                });
                None
            }
        }
    }

    /// Somebody pressed Ctrl-C.
    pub(super) fn interrupted(&mut self) {
        self.output.note("interrupted");
    }

    /// Shows what could not be tried, and the sum.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        while let Some(step) = self.open.pop_front() {
            self.failed += 1;
            self.show(&Line {
                step,
                ok: false,
                ms: 0,
                detail: "not tried",
            });
        }
        let (failed, all) = (self.failed, STEPS.len());
        let detail = match failed {
            0 => format!(
                "all {all} steps work, none is missing; limits are the defaults, 60 messages a minute and agent"
            ),
            _ => format!("{failed} of {all} steps failed or were not tried"),
        };
        self.show(&Line {
            step: "sum",
            ok: failed == 0,
            ms: millis(self.began),
            detail: &detail,
        });
        if failed == 0 {
            Ok(())
        } else {
            Err(Error::Demo { failed, all }.into())
        }
    }

    fn show(&self, line: &Line<'_>) {
        let tick = if line.ok { '✓' } else { '✗' };
        // without a stdout the exit code still tells
        let _ = self.output.line(line, |out| {
            writeln!(out, "{tick} {:<11} {:>6} ms  {}", line.step, line.ms, line.detail)
        });
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
