//! The YAML between the first two lines `---`, of which only what front matter needs is read: strings, lists and mappings of
//! strings. Anchors, aliases and tags are refused, and names that occur twice.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::{
    code::Code,
    json::At,
    problem::{Problem, Problems},
};

/// Most bytes between the lines.
const MAX_BYTES: usize = 16 * 1024;
/// Most lists and mappings around a value.
const MAX_DEPTH: usize = 4;
/// Most values.
const MAX_NODES: usize = 1024;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// As text; `~`, `null` and nothing are the empty text.
    Scalar(String),
    Sequence(Vec<Node>),
    /// In order, no name twice.
    Mapping(Vec<(String, Node)>),
}

fn refused(message: &str) -> Problems {
    Problems::one(Problem::error(Code::FrontMatter, &At::ROOT, message))
}

/// The members of the front matter of `text`.
pub(super) fn read(text: &str) -> Result<Vec<(String, Node)>, Problems> {
    let yaml = between(text).ok_or_else(|| refused("no front matter between two lines ---"))?;
    if yaml.len() > MAX_BYTES {
        return Err(refused("front matter of more than 16 KiB"));
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(yaml),
        nodes: 0,
    };
    for expected in [Event::StreamStart, Event::DocumentStart(false)] {
        if reader.next()? != expected {
            return Err(refused("empty front matter"));
        }
    }
    let first = reader.next()?;
    let Node::Mapping(members) = reader.node(first, 0)? else {
        return Err(refused("front matter that is no mapping"));
    };
    match (reader.next()?, reader.next()?) {
        (Event::DocumentEnd, Event::StreamEnd) => Ok(members),
        _ => Err(refused("more than one document")),
    }
}

/// What lies between a first line `---` and the next one.
fn between(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("---")?;
    let rest = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == "---" {
            return rest.get(..at);
        }
        at += line.len();
    }
    None
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Problems> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(refused(&format!("not YAML: {}", error.info()))),
            None => Err(refused("not YAML: it ends too early")),
        }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, Problems> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(refused("too deep, or too many values"));
        }
        match event {
            Event::Scalar(_, _, anchor, Some(_)) | Event::Scalar(_, _, anchor @ 1.., None) => Err(special(anchor)),
            Event::SequenceStart(anchor, Some(_)) | Event::SequenceStart(anchor @ 1.., None) => Err(special(anchor)),
            Event::MappingStart(anchor, Some(_)) | Event::MappingStart(anchor @ 1.., None) => Err(special(anchor)),
            Event::Alias(anchor) => Err(special(anchor)),
            Event::Scalar(text, style, ..) => Ok(Node::Scalar(match (style, &*text) {
                (ScalarStyle::Plain, "~" | "null" | "Null" | "NULL") => String::new(),
                _ => text.into_owned(),
            })),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Node::Sequence(items)),
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => self.mapping(depth),
            _ => Err(refused("not YAML")),
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, Problems> {
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            let name = match self.next()? {
                Event::MappingEnd => return Ok(Node::Mapping(members)),
                event => self.node(event, depth + 1)?,
            };
            let Node::Scalar(name) = name else {
                return Err(refused("a name that is no text"));
            };
            if members.iter().any(|(other, _)| *other == name) {
                let at = At::ROOT.member(&name);
                let problem = Problem::error(Code::DupKey, &at, "a name that occurs twice");
                return Err(Problems::one(problem));
            }
            let value = self.next()?;
            let value = self.node(value, depth + 1)?;
            members.push((name, value));
        }
    }
}

fn special(anchor: usize) -> Problems {
    refused(if anchor == 0 { "a tag" } else { "an anchor or alias" })
}
