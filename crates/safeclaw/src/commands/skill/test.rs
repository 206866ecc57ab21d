//! `safeclaw skill test`.

use std::path::PathBuf;

use chancery_policy::Capability;
use chancery_skills::{Evaluation, Example};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{asked::visible, source};
use crate::{CliError, Code, Context, Result};

/// Example calls of one file.
const MAX_EXAMPLES: usize = 4096;

/// Arguments of `skill test`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds {\"calls\": [...]}, each call with \"expect\": \"allowed\" or \"denied\" and
either a tool of the skill with its arguments, or a capability with one path, host, executable
or name:
  { \"tool\": \"read_note\", \"arguments\": { \"path\": \"/home/me/notes/a.md\" }, \"expect\": \"allowed\" }
  { \"capability\": \"net:https\", \"host\": \"example.com\", \"expect\": \"denied\" }
Nothing is run, no use is counted. Ends with 0 when every call is as expected.

Examples:
  safeclaw skill test acme.notes ./acme.notes/calls.json
  safeclaw skill test acme.notes calls.json --session review --json"
)]
pub struct Arguments {
    /// Id of the installed skill
    id: String,
    /// File of example calls
    calls: PathBuf,
    /// As in the session of this name
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    tool: Option<String>,
    arguments: Option<Value>,
    capability: Option<Capability>,
    path: Option<String>,
    host: Option<String>,
    executable: Option<String>,
    name: Option<String>,
    expect: Expectation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Expectation {
    Allowed,
    Denied,
}

/// Runs it.
///
/// # Errors
/// [`Code::CallsInvalid`] for a file that is none; [`Code::CallsUnexpected`] when a call is not as expected, with the
/// answers on stdout; `SKILLS_NOT_INSTALLED`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let bytes = source::read(&arguments.calls, source::MAX_CALLS)?;
    let calls = read(&bytes).map_err(|error| error.about(arguments.calls.display()))?;
    let examples: Vec<Example> = calls.iter().map(|(example, _)| example.clone()).collect();
    let skills = context.skills()?;
    let answers = skills
        .evaluate(&arguments.id, arguments.session.as_deref(), &examples)
        .map_err(|error| super::not_in_force(&skills, &arguments.id, error))?;
    let mut values: Vec<Value> = Vec::new();
    let mut lines = Vec::new();
    let mut unexpected = 0;
    for (index, ((example, expected), answer)) in calls.iter().zip(&answers).enumerate() {
        let got = if answer.allowed {
            Expectation::Allowed
        } else {
            Expectation::Denied
        };
        let fits = got == *expected;
        unexpected += usize::from(!fits);
        let why = why(answer);
        let word = if answer.allowed { "allowed" } else { "denied " };
        let mark = if fits { "" } else { "  NOT AS EXPECTED" };
        // the file of calls may be the publisher's
        lines.push(format!(
            "{:>4}. {word}  {}{mark}",
            index + 1,
            visible(&subject(example))
        ));
        lines.extend(why.iter().map(|why| format!("      {}", visible(why))));
        values.push(json!({
            "call": index,
            "subject": subject(example),
            "allowed": answer.allowed,
            "expected": expected,
            "asExpected": fits,
            "why": why,
        }));
    }
    lines.push(format!(
        "{}, {unexpected} not as expected",
        super::view::count(answers.len(), "call")
    ));
    context.show(
        &json!({ "skillId": arguments.id, "calls": values, "unexpected": unexpected }),
        &lines,
    )?;
    if unexpected == 0 {
        Ok(())
    } else {
        let message = format!(
            "{unexpected} of {} not as expected",
            super::view::count(answers.len(), "call")
        );
        Err(CliError::new(Code::CallsUnexpected, message).shown())
    }
}

fn read(bytes: &[u8]) -> Result<Vec<(Example, Expectation)>> {
    let invalid = |why: String| CliError::new(Code::CallsInvalid, why);
    let calls: Calls = chancery_base::json::from_object_strict(bytes).map_err(|error| invalid(error.to_string()))?;
    if calls.calls.len() > MAX_EXAMPLES {
        return Err(invalid(format!("more than {MAX_EXAMPLES} calls")));
    }
    let example = |(index, call): (usize, Call)| match call {
        Call {
            tool: Some(tool),
            arguments,
            capability: None,
            path: None,
            host: None,
            executable: None,
            name: None,
            expect,
        } => {
            let arguments = arguments.unwrap_or_else(|| json!({}));
            Ok((Example::Tool { tool, arguments }, expect))
        }
        Call {
            tool: None,
            arguments: None,
            capability: Some(capability),
            path,
            host,
            executable,
            name,
            expect,
        } => Ok((
            Example::Direct {
                capability,
                path,
                host,
                executable,
                name,
            },
            expect,
        )),
        _ => Err(invalid(format!(
            "call {} names neither a tool with its arguments nor a capability with what it is used on",
            index + 1
        ))),
    };
    calls.calls.into_iter().enumerate().map(example).collect()
}

fn subject(example: &Example) -> String {
    match example {
        Example::Tool { tool, arguments } => format!("{tool} {arguments}"),
        Example::Direct {
            capability,
            path,
            host,
            executable,
            name,
        } => {
            let what = [path, host, executable, name];
            let what: Vec<&str> = what.into_iter().flatten().map(String::as_str).collect();
            format!("{capability} {}", what.join(" ")).trim_end().to_owned()
        }
    }
}

/// Why a call is denied, in the original's words where it is about a capability.
fn why(answer: &Evaluation) -> Option<String> {
    let denied = answer.uses.iter().find_map(|used| used.denial.as_ref());
    denied
        .map(chancery_policy::Denial::detail)
        .or_else(|| answer.reason.clone())
}
