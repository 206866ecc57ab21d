//! Reading requests, and saying which member is wrong and why.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

use axum::extract::{
    Path, Query,
    rejection::{PathRejection, QueryRejection},
};
use chancery_base::{ErrorCode as _, Ulid, json};
use chancery_serve::ApiError;
use serde_json::{Map, Value};

use crate::{config::Environment, engine::Engine, error::Refusal};

/// What `production` says instead of what is wrong.
const MASKED: &str = "The request is not valid.";

/// What is wrong with a request.
#[derive(Debug, Default)]
pub(super) struct Problems {
    fields: BTreeMap<&'static str, Vec<String>>,
    form: Vec<String>,
}

impl Problems {
    /// One member is wrong.
    pub(super) fn of(field: &'static str, what: impl Into<String>) -> Self {
        Self {
            fields: BTreeMap::from([(field, vec![what.into()])]),
            form: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.form.is_empty()
    }
}

impl Engine {
    /// 400 with the code and message of `refusal` and the problems; in production without message and problems.
    pub(super) fn invalid(&self, refusal: Refusal, problems: Problems) -> ApiError {
        self.invalid_as(refusal, &refusal.to_string(), problems)
    }

    /// The same with another message: the code also stands for something else.
    pub(super) fn invalid_as(&self, refusal: Refusal, message: &str, problems: Problems) -> ApiError {
        if self.config.environment == Environment::Production {
            return ApiError::new(400, refusal.code(), MASKED);
        }
        let details = serde_json::json!({ "fieldErrors": problems.fields, "formErrors": problems.form });
        ApiError::new(400, refusal.code(), message).with_details(details)
    }

    /// The ULID in the path.
    pub(super) fn path_ulid(
        &self,
        path: Result<Path<String>, PathRejection>,
        refusal: Refusal,
    ) -> Result<Ulid, ApiError> {
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.ok_or_else(|| self.invalid(refusal, Problems::of("id", "id must be a ULID")))
    }
}

/// The members of a JSON object, or of a query. `null` counts as absent.
pub(super) struct Fields {
    members: Map<String, Value>,
    problems: Problems,
}

impl Fields {
    /// The members of a JSON object.
    pub(super) fn of_json(body: &[u8]) -> Self {
        let mut problems = Problems::default();
        let members = match json::from_slice_strict(body) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                problems.form.push("the body must be a JSON object".to_owned());
                Map::new()
            }
            Err(error) => {
                problems.form.push(format!("the body must be JSON: {error}"));
                Map::new()
            }
        };
        Self { members, problems }
    }

    /// The members of a query. One that occurs twice is wrong.
    pub(super) fn of_query(query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Self {
        let mut problems = Problems::default();
        let mut members = Map::new();
        match query {
            Ok(Query(pairs)) => {
                for (name, value) in pairs {
                    if members.contains_key(&name) {
                        problems.form.push(format!("{name:?} occurs twice"));
                    }
                    members.insert(name, Value::String(value));
                }
            }
            Err(error) => problems.form.push(error.body_text()),
        }
        Self { members, problems }
    }

    /// A text, when it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => self.wrong(name, format!("{name} must be a string")),
        }
    }

    /// A text that `read` can read, when it is there.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        read(&text).map_or_else(|error| self.wrong(name, format!("{name}: {error}")), Some)
    }

    /// A text that must be there and that `read` can read.
    pub(super) fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if matches!(self.members.get(name), None | Some(Value::Null)) {
            // a body that is no object lacks everything: say the one thing
            return if self.problems.form.is_empty() {
                self.wrong(name, format!("{name} is required"))
            } else {
                None
            };
        }
        self.optional(name, read)
    }

    /// A whole number within `range`, when it is there.
    pub(super) fn whole(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = match self.members.remove(name) {
            None | Some(Value::Null) => return None,
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            Some(_) => None,
        };
        number.filter(|number| range.contains(number)).or_else(|| {
            self.wrong(
                name,
                format!(
                    "{name} must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
            )
        })
    }

    /// A list of texts that must be there.
    pub(super) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let texts = match self.members.remove(name) {
            None | Some(Value::Null) if self.problems.form.is_empty() => {
                return self.wrong(name, format!("{name} is required"));
            }
            None | Some(Value::Null) => return None,
            Some(Value::Array(items)) => items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        texts.or_else(|| self.wrong(name, format!("{name} must be a list of strings")))
    }

    /// Notes a problem.
    pub(super) fn wrong<T>(&mut self, name: &'static str, what: String) -> Option<T> {
        self.problems.fields.entry(name).or_default().push(what);
        None
    }

    /// What is wrong, when something is.
    pub(super) fn check(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }
}

/// Reads a text as `T`.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.parse()
}
