//! The reader.

use std::collections::HashMap;

use super::{At, Object, Text, Value};
use crate::{
    code::Code,
    problem::{Problem, Problems},
};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Most arrays and objects around one value.
    pub depth: usize,
}

impl Default for Limits {
    /// Those of a manifest (safeclaw spec 2.4): 256 KiB, 32 deep.
    fn default() -> Self {
        Self {
            bytes: 256 * 1024,
            depth: 32,
        }
    }
}

/// How deep the original's documents are read; it had no limit, and a stack has.
const ORIGINAL_DEPTH: usize = 128;

/// Names that mean something else than a member to some readers (safeclaw spec 4.6).
const RESERVED: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// How many members are searched one by one for a second of the same name.
const FEW: usize = 16;

/// Reads one JSON document strictly (RFC 8259 with I-JSON, RFC 7493): UTF-8 without a byte order mark, no name twice in an
/// object, no unpaired surrogate, no number beyond a double, no reserved name.
///
/// # Errors
/// Every problem found, with its pointer. Syntax and depth end the reading, the others do not.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, Problems> {
    let root = |code, message: &str| Problems::one(Problem::error(code, &At::ROOT, message));
    if bytes.len() > limits.bytes {
        return Err(root(Code::Size, &format!("more than {} bytes", limits.bytes)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| root(Code::Utf8, "not UTF-8"))?;
    if text.starts_with('\u{feff}') {
        return Err(root(Code::Utf8, "begins with a byte order mark"));
    }
    let mut reader = Reader::new(text, limits.depth, true);
    let value = reader.document();
    match (value, Problems::new(reader.problems)) {
        (Some(value), None) => Ok(value),
        (_, Some(problems)) => Err(problems),
        (None, None) => Err(root(Code::Json, "not JSON")),
    }
}

/// Reads as the original did: the last of two members wins, surrogates need no partner, numbers may be infinite.
pub(crate) fn read_as_the_original(text: &str) -> Option<Value> {
    Reader::new(text, ORIGINAL_DEPTH, false).document()
}

/// The reading cannot go on; the problem is recorded.
struct Stop;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    strict: bool,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, max_depth: usize, strict: bool) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            max_depth,
            strict,
            problems: Vec::new(),
        }
    }

    fn document(&mut self) -> Option<Value> {
        let value = self.value(&At::ROOT).ok()?;
        self.white();
        if self.at == self.text.len() {
            Some(value)
        } else {
            let Stop = self.syntax(&At::ROOT, "something behind the end of the document");
            None
        }
    }

    fn syntax(&mut self, at: &At<'_>, message: &str) -> Stop {
        let message = format!("{message} (byte {})", self.at);
        self.problems.push(Problem::error(Code::Json, at, &message));
        Stop
    }

    /// Records what does not hinder the reading; too much of it does.
    fn note(&mut self, code: Code, at: &At<'_>, message: &str) -> Result<(), Stop> {
        if self.strict {
            self.problems.push(Problem::error(code, at, message));
        }
        if self.problems.len() >= Problems::MAX {
            Err(Stop)
        } else {
            Ok(())
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, at: &At<'_>) -> Result<Value, Stop> {
        self.white();
        match self.peek() {
            Some(b'{') => self.nested(at, Self::object),
            Some(b'[') => self.nested(at, Self::array),
            Some(b'"') => self.string(at).map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(at),
            _ => {
                for (word, value) in [
                    ("null", Value::Null),
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                ] {
                    if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.syntax(at, "not a JSON value"))
            }
        }
    }

    fn nested(&mut self, at: &At<'_>, read: fn(&mut Self, &At<'_>) -> Result<Value, Stop>) -> Result<Value, Stop> {
        if self.depth == self.max_depth {
            let message = format!("more than {} levels deep", self.max_depth);
            self.problems.push(Problem::error(Code::Size, at, &message));
            return Err(Stop);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self, at);
        self.depth -= 1;
        value
    }

    fn array(&mut self, at: &At<'_>) -> Result<Value, Stop> {
        let mut items = Vec::new();
        self.white();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(&at.item(items.len()))?);
            self.white();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.syntax(at, "neither a comma nor the end of the array"));
            }
        }
    }

    fn object(&mut self, at: &At<'_>) -> Result<Value, Stop> {
        let mut members: Vec<(Text, Value)> = Vec::new();
        let mut places: HashMap<Text, usize> = HashMap::new();
        self.white();
        if self.eat(b'}') {
            return Ok(Value::Object(Object(members)));
        }
        loop {
            self.white();
            if self.peek() != Some(b'"') {
                return Err(self.syntax(at, "not the name of a member"));
            }
            let name = self.string(at)?;
            let here = at.member(&name.utf8);
            if name.as_str().is_some_and(|name| RESERVED.contains(&name)) {
                self.note(Code::Reserved, &here, "a reserved name")?;
            }
            self.white();
            if !self.eat(b':') {
                return Err(self.syntax(&here, "no colon behind the name"));
            }
            let value = self.value(&here)?;
            let earlier = if members.len() <= FEW {
                members.iter().position(|(other, _)| *other == name)
            } else {
                places.get(&name).copied()
            };
            match earlier {
                Some(place) => {
                    self.note(Code::DupKey, &here, "a name that occurs twice in one object")?;
                    if let Some(member) = members.get_mut(place) {
                        member.1 = value;
                    }
                }
                None => {
                    members.push((name, value));
                    if members.len() == FEW + 1 {
                        places.extend(
                            members
                                .iter()
                                .enumerate()
                                .map(|(place, (name, _))| (name.clone(), place)),
                        );
                    } else if members.len() > FEW
                        && let Some((name, _)) = members.last()
                    {
                        places.insert(name.clone(), members.len() - 1);
                    }
                }
            }
            self.white();
            if self.eat(b'}') {
                return Ok(Value::Object(Object(members)));
            }
            if !self.eat(b',') {
                return Err(self.syntax(at, "neither a comma nor the end of the object"));
            }
        }
    }

    fn number(&mut self, at: &At<'_>) -> Result<Value, Stop> {
        let from = self.at;
        self.eat(b'-');
        let leading_zero = self.eat(b'0');
        if !leading_zero && self.digits() == 0 {
            return Err(self.syntax(at, "not a number"));
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(self.syntax(at, "a number without digits behind its point"));
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err(self.syntax(at, "a number without digits in its exponent"));
            }
        }
        let number = self
            .text
            .get(from..self.at)
            .and_then(|digits| digits.parse::<f64>().ok());
        match number {
            Some(number) if number.is_finite() || !self.strict => Ok(Value::Number(number)),
            _ => Err(self.syntax(at, "a number beyond a double")),
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - from
    }

    fn string(&mut self, at: &At<'_>) -> Result<Text, Stop> {
        self.at += 1;
        let mut text = Text::default();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|b| matches!(b, b'"' | b'\\' | ..0x20))
                .unwrap_or(rest.len());
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape(at, &mut text)?,
                Some(_) => return Err(self.syntax(at, "a control character in a string")),
                None => return Err(self.syntax(at, "a string without an end")),
            }
        }
    }

    fn escape(&mut self, at: &At<'_>, text: &mut Text) -> Result<(), Stop> {
        self.at += 1;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(at, text),
            _ => return Err(self.syntax(at, "an unknown escape")),
        };
        self.at += 1;
        text.push(c);
        Ok(())
    }

    fn unicode_escape(&mut self, at: &At<'_>, text: &mut Text) -> Result<(), Stop> {
        let Some(unit) = self.hex4(self.at + 1) else {
            return Err(self.syntax(at, "an escape without four hex digits"));
        };
        self.at += 5;
        if let 0xd800..0xdc00 = unit
            && self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u")
            && let Some(low @ 0xdc00..0xe000) = self.hex4(self.at + 2)
        {
            self.at += 6;
            char::decode_utf16([unit, low]).flatten().for_each(|c| text.push(c));
            return Ok(());
        }
        match char::from_u32(unit.into()) {
            Some(c) => text.push(c),
            None => {
                self.note(Code::Surrogate, at, "an unpaired surrogate in a string")?;
                text.push_unpaired(unit);
            }
        }
        Ok(())
    }

    fn hex4(&self, from: usize) -> Option<u16> {
        let digits = self.text.as_bytes().get(from..from + 4)?;
        digits.iter().try_fold(0, |unit, byte| {
            let digit = char::from(*byte).to_digit(16)?;
            Some(unit << 4 | u16::try_from(digit).ok()?)
        })
    }
}
