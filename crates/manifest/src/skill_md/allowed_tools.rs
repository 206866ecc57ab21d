//! `allowed-tools`: what the folder says it may use, as requests.

use std::collections::BTreeMap;

use chancery_policy::{Capability, Dimension, Permission};
use serde_json::{Value, json};

use super::{Node, is_plain};
use crate::{code::Code, form::Form, json::At};

/// How many tools a reason names.
const NAMED: usize = 8;
/// How many characters of each.
const SHOWN: usize = 40;

/// What one tool asks for: capabilities, and on what; `None` for everything.
type Asked = (Vec<Capability>, Option<String>);

/// The requests, one a capability. A tool that no capability stands for, or whose limits cannot be said, is left out with a
/// warning: to ask for everything in its place would be more than it says.
pub(super) fn requests(node: Option<&Node>, form: &mut Form) -> Vec<Value> {
    let mut asked: BTreeMap<Capability, (Option<Vec<String>>, Vec<String>)> = BTreeMap::new();
    let at = At::ROOT.member("allowed-tools");
    for (index, tool) in tools(node, form).into_iter().enumerate() {
        let Some((capabilities, limit)) = meaning(&tool).filter(|_| is_plain(&tool)) else {
            let message = "a tool that no capability stands for; it is left out";
            form.warning(Code::AllowedTool, &at.item(index), message);
            continue;
        };
        for capability in capabilities {
            let (limits, because) = asked.entry(capability).or_insert((Some(Vec::new()), Vec::new()));
            match (&mut *limits, &limit) {
                (Some(limits), Some(limit)) => limits.push(limit.clone()),
                _ => *limits = None,
            }
            because.push(tool.chars().take(SHOWN).collect());
        }
    }
    let requests = asked.into_iter().map(|(capability, (limits, mut because))| {
        because.truncate(NAMED);
        let mut request = json!({
            "capability": capability,
            "reason": format!("SKILL.md lists {} in allowed-tools", because.join(", ")),
        });
        if let Some(limits) = limits {
            request["constraints"] = json!({ capability.dimension().member(): limits });
        }
        request
    });
    requests.collect()
}

/// The tools: a list, or a text with spaces or commas between them, though not within parentheses.
fn tools(node: Option<&Node>, form: &mut Form) -> Vec<String> {
    let at = At::ROOT.member("allowed-tools");
    match node {
        None => Vec::new(),
        Some(Node::Scalar(text)) => split(text),
        Some(Node::Sequence(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| match item {
                Node::Scalar(text) => Some(text.clone()),
                _ => {
                    form.error(Code::Type, &at.item(index), "must be a string");
                    None
                }
            })
            .collect(),
        Some(Node::Mapping(_)) => {
            form.error(Code::Type, &at, "must be a string or a list");
            Vec::new()
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let mut tools = vec![String::new()];
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == ',' || c.is_whitespace()) {
            tools.push(String::new());
        } else if let Some(last) = tools.last_mut() {
            last.push(c);
        }
    }
    tools.retain(|tool| !tool.is_empty());
    tools
}

/// What `Read`, `Bash(git:*)` or `WebFetch(domain:example.com)` needs.
fn meaning(tool: &str) -> Option<Asked> {
    let (name, argument) = match tool.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
        None => (tool, None),
    };
    let capabilities = match name {
        "Read" | "Grep" | "Glob" | "LS" | "NotebookRead" => vec![Capability::FsRead],
        "Write" => vec![Capability::FsWrite],
        "Edit" | "MultiEdit" | "NotebookEdit" => vec![Capability::FsRead, Capability::FsWrite],
        "Bash" => vec![Capability::ProcessSpawn],
        "WebFetch" | "WebSearch" => vec![Capability::NetHttps],
        _ => return None,
    };
    let Some(argument) = argument else {
        return Some((capabilities, None));
    };
    let dimension = capabilities.first()?.dimension();
    let limit = match dimension {
        // "//etc/**" is how the format writes an absolute path
        Dimension::Path => argument.strip_prefix('/')?.strip_suffix("/**")?.to_owned(),
        Dimension::Host => argument.strip_prefix("domain:")?.to_owned(),
        Dimension::Executable => argument.split([' ', ':']).next()?.to_owned(),
        Dimension::Name => return None,
    };
    let fits = capabilities.iter().all(|capability| {
        let constraints = json!({ dimension.member(): [limit] });
        Permission::from_request(*capability, Some(&constraints)).is_ok()
    });
    fits.then_some((capabilities, Some(limit)))
}
