//! Text and Markdown: UTF-8, and a parameter that says so.

use super::{ContentError, EncodedContent, KnownType};

const ENCODING: &str = "encoding";
const UTF8: &str = "UTF-8";

pub(super) fn encode(known: KnownType, text: &str) -> EncodedContent {
    EncodedContent::new(known.id(), text.to_owned()).with(ENCODING, UTF8)
}

/// Without the parameter it is UTF-8, too; another encoding is refused (CTYPE-019).
pub(super) fn decode(encoded: &EncodedContent, name: &'static str) -> Result<String, ContentError> {
    if encoded.parameter(ENCODING).is_some_and(|encoding| encoding != UTF8) {
        return Err(ContentError::Invalid("the encoding", name));
    }
    String::from_utf8(encoded.inflated()?.into()).map_err(|_| ContentError::Invalid("the text", name))
}
