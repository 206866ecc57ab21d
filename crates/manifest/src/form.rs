//! Reading typed members out of a document while collecting what is wrong with it.

use crate::{
    code::Code,
    json::{At, Object, Value},
    problem::{Problem, Problems},
    text,
};

/// What was found so far.
#[derive(Default)]
pub(crate) struct Form {
    problems: Vec<Problem>,
}

/// Whether a member may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

impl Form {
    pub(crate) fn error(&mut self, code: Code, at: &At<'_>, message: &str) {
        self.add(Problem::error(code, at, message));
    }

    pub(crate) fn warning(&mut self, code: Code, at: &At<'_>, message: &str) {
        self.add(Problem::warning(code, at, message));
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        if self.problems.len() < Problems::MAX {
            self.problems.push(problem);
        }
    }

    /// The warnings, or everything when one of it is an error.
    pub(crate) fn finish(self) -> Result<Vec<Problem>, Problems> {
        match Problems::new(self.problems.clone()) {
            Some(problems) => Err(problems),
            None => Ok(self.problems),
        }
    }

    /// The value of a member; that it is absent is noted.
    pub(crate) fn member<'v>(&mut self, object: &'v Object, at: &At<'_>, name: &str, need: Need) -> Option<&'v Value> {
        let value = object.get(name);
        if value.is_none() && need == Need::Required {
            self.missing(at, name);
        }
        value
    }

    pub(crate) fn missing(&mut self, at: &At<'_>, name: &str) {
        self.error(Code::Missing, at, &format!("Missing required field: {name}"));
    }

    pub(crate) fn string<'v>(&mut self, object: &'v Object, at: &At<'_>, name: &str, need: Need) -> Option<&'v str> {
        let value = self.member(object, at, name, need)?;
        self.as_string(value, &at.member(name))
    }

    pub(crate) fn as_string<'v>(&mut self, value: &'v Value, at: &At<'_>) -> Option<&'v str> {
        self.expect(value.as_str(), at, "a string")
    }

    pub(crate) fn array<'v>(&mut self, object: &'v Object, at: &At<'_>, name: &str) -> &'v [Value] {
        let Some(value) = object.get(name) else { return &[] };
        self.expect(value.as_array(), &at.member(name), "an array")
            .unwrap_or(&[])
    }

    pub(crate) fn as_object<'v>(&mut self, value: &'v Value, at: &At<'_>) -> Option<&'v Object> {
        self.expect(value.as_object(), at, "an object")
    }

    /// `found`, or the problem that it is of another type.
    pub(crate) fn expect<T>(&mut self, found: Option<T>, at: &At<'_>, what: &str) -> Option<T> {
        if found.is_none() {
            self.error(Code::Type, at, &format!("must be {what}"));
        }
        found
    }

    /// A line that is shown to people, of at most `max` characters.
    pub(crate) fn shown<'v>(
        &mut self,
        object: &'v Object,
        at: &At<'_>,
        name: &str,
        (code, max): (Code, usize),
    ) -> Option<&'v str> {
        let text = self.string(object, at, name, Need::Optional)?;
        self.check_shown(text, &at.member(name), (code, max))
    }

    pub(crate) fn check_shown<'v>(
        &mut self,
        text: &'v str,
        at: &At<'_>,
        (code, max): (Code, usize),
    ) -> Option<&'v str> {
        match text::fault(text, max) {
            Some(fault) => {
                self.error(code, at, &fault);
                None
            }
            None => Some(text),
        }
    }

    /// Notes every member that is not one of `known`.
    pub(crate) fn only(&mut self, object: &Object, at: &At<'_>, known: &[&str]) {
        for (name, _) in object.iter() {
            let name = name.as_str().unwrap_or_default();
            if !known.contains(&name) {
                self.error(Code::Unknown, &at.member(name), "a member that nobody knows");
            }
        }
    }
}
