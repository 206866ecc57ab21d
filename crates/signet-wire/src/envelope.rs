//! The envelope of results: everything an action answers, on the admin socket and in tools.

use serde::{Deserialize, Serialize, de::Error as _, ser::SerializeStruct as _};

use crate::{
    Category, Class, Failure, Json, Timestamp, Uuid,
    failure::Context,
    shape::{ObjectOnly, given, nullable},
};

shape! {
    /// When something was answered, to what, and how long it took.
    record Meta {
        /// Id of the request.
        request_id: Uuid,
        /// When.
        timestamp: Timestamp,
        /// Milliseconds from the request to the answer.
        duration_ms: u64,
    }
}

shape! {
    /// Which part of a longer list this is.
    record Pagination {
        /// Entries in this part.
        count: u64,
        /// Whether there are more.
        has_more: bool,
        /// Where they begin.
        next_cursor?: String,
        /// Entries of the whole list.
        total?: u64,
    }
}

/// What an action answered.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionResult {
    /// It was done.
    Success {
        /// What came of it.
        data: Json,
        /// When.
        meta: Meta,
        /// Which part of a longer list `data` is.
        pagination: Option<Pagination>,
    },
    /// It was not.
    Failure {
        /// Why.
        failure: Failure,
        /// When.
        meta: Meta,
    },
}

/// A failure as envelopes tell it: `{_tag, category, message, context}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaggedFailure {
    /// Class.
    #[serde(rename = "_tag")]
    pub tag: Class,
    /// Category.
    pub category: Category,
    /// For people.
    pub message: String,
    /// For programs.
    #[serde(deserialize_with = "nullable")]
    pub context: Option<Context>,
}

impl From<Failure> for TaggedFailure {
    fn from(failure: Failure) -> Self {
        Self {
            tag: failure.class,
            category: failure.kind(),
            message: failure.message,
            context: failure.context,
        }
    }
}

impl From<TaggedFailure> for Failure {
    fn from(tagged: TaggedFailure) -> Self {
        Self {
            class: tagged.tag,
            message: tagged.message,
            context: tagged.context,
        }
    }
}

impl Serialize for ActionResult {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ActionResult", 4)?;
        match self {
            Self::Success { data, meta, pagination } => {
                object.serialize_field("ok", &true)?;
                object.serialize_field("data", data)?;
                object.serialize_field("meta", meta)?;
                if let Some(pagination) = pagination {
                    object.serialize_field("pagination", pagination)?;
                }
            }
            Self::Failure { failure, meta } => {
                object.serialize_field("ok", &false)?;
                object.serialize_field("error", &TaggedFailure::from(failure.clone()))?;
                object.serialize_field("meta", meta)?;
            }
        }
        object.end()
    }
}

#[derive(Deserialize)]
struct Members {
    ok: bool,
    #[serde(default, deserialize_with = "given")]
    data: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    error: Option<TaggedFailure>,
    meta: Meta,
    #[serde(default, deserialize_with = "given")]
    pagination: Option<Pagination>,
}

impl<'de> Deserialize<'de> for ActionResult {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(ObjectOnly(deserializer))?;
        match (members.ok, members.data, members.error) {
            (true, Some(data), None) => Ok(Self::Success {
                data,
                meta: members.meta,
                pagination: members.pagination,
            }),
            (false, None, Some(error)) if members.pagination.is_none() => Ok(Self::Failure {
                failure: error.into(),
                meta: members.meta,
            }),
            _ => Err(D::Error::custom("either data or an error")),
        }
    }
}
