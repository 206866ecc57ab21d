//! The members of a frame, found in its text.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::FrameError;

/// One member, if it is there. A `null` counts as left out: only a payload can be null.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Member<'a> {
    #[default]
    Absent,
    /// A string without escapes: what stands between its quotes.
    Plain(&'a str),
    /// Its JSON.
    Json(&'a str),
}

impl<'a> Member<'a> {
    /// The JSON of what is no plain string.
    pub(super) fn json(self) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            // no number and no flag begins so
            Self::Plain(_) => Some("\""),
            Self::Json(json) => Some(json),
        }
    }

    pub(super) fn is_given(self) -> bool {
        self != Self::Absent
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::from)
    }
}

impl<'a> From<&'a RawValue> for Member<'a> {
    fn from(raw: &'a RawValue) -> Self {
        match raw.get() {
            "null" => Self::Absent,
            json => Self::Json(json),
        }
    }
}

/// All members of all frames as they stand in the text. One flat struct, because a tagged enum would have to copy the
/// payload; raw, because whoever sent a member of the wrong type deserves an answer that names it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Members<'a> {
    #[serde(borrow)]
    pub(super) r#type: Member<'a>,
    #[serde(borrow)]
    pub(super) v: Member<'a>,
    #[serde(borrow)]
    pub(super) id: Member<'a>,
    #[serde(borrow)]
    pub(super) ts: Member<'a>,
    #[serde(borrow)]
    pub(super) ack_id: Member<'a>,
    #[serde(borrow)]
    pub(super) accepted: Member<'a>,
    #[serde(borrow)]
    pub(super) reason: Member<'a>,
    #[serde(borrow)]
    pub(super) code: Member<'a>,
    #[serde(borrow)]
    pub(super) retryable: Member<'a>,
    #[serde(borrow)]
    pub(super) from_agent_did: Member<'a>,
    #[serde(borrow)]
    pub(super) to_agent_did: Member<'a>,
    #[serde(borrow, deserialize_with = "given")]
    pub(super) payload: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content_type: Member<'a>,
    #[serde(borrow)]
    pub(super) conversation_id: Member<'a>,
    #[serde(borrow)]
    pub(super) reply_to: Member<'a>,
    #[serde(borrow)]
    pub(super) message_id: Member<'a>,
    #[serde(borrow)]
    pub(super) lane: Member<'a>,
    #[serde(borrow)]
    pub(super) lane_seq: Member<'a>,
    #[serde(borrow)]
    pub(super) attempt: Member<'a>,
    #[serde(borrow)]
    pub(super) sent_at: Member<'a>,
    #[serde(borrow)]
    pub(super) sig: Member<'a>,
    #[serde(borrow)]
    pub(super) from_ait: Member<'a>,
    #[serde(borrow)]
    pub(super) original_frame_id: Member<'a>,
    #[serde(borrow)]
    pub(super) status: Member<'a>,
    #[serde(borrow)]
    pub(super) at: Member<'a>,
    #[serde(borrow)]
    pub(super) ait: Member<'a>,
}

/// A payload, `null` among them.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Members<'a> {
    /// Finds them in `text`.
    ///
    /// # Errors
    /// [`FrameError::Json`].
    pub(super) fn read(text: &'a str) -> Result<Self, FrameError> {
        match Self::quick(text) {
            Some(members) => Ok(members),
            None => Self::thorough(text),
        }
    }

    fn thorough(text: &'a str) -> Result<Self, FrameError> {
        if !text.trim_ascii_start().starts_with('{') {
            // serde would read the members from an array, too
            return Err(FrameError::Json(de::Error::custom("not an object")));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Frames as programs write them: no white space between members, no member that is not known, none twice. `None` when
    /// that is not so, or when it is no frame at all. It finds what [`Self::thorough`] finds, in a third of the time: that
    /// looks at each byte of each string, and the relay reads two frames a message.
    fn quick(text: &'a str) -> Option<Self> {
        let mut members = Self::default();
        let mut rest = text.strip_prefix('{')?;
        loop {
            let (name, after) = rest.strip_prefix('"')?.split_once('"')?;
            rest = after.strip_prefix(':')?;
            if name == "payload" {
                let (raw, after) = raw(rest)?;
                if members.payload.replace(raw).is_some() {
                    return None;
                }
                rest = after;
            } else {
                let place = members.place(name)?;
                let (member, after) = match plain(rest) {
                    Some((text, after)) => (Member::Plain(text), after),
                    None => raw(rest).map(|(raw, after)| (Member::from(raw), after))?,
                };
                // one that is null may stand before another of its name: that is for the thorough reader, too
                if place.is_given() || !member.is_given() {
                    return None;
                }
                *place = member;
                rest = after;
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => return (rest == "}").then_some(members),
            }
        }
    }

    /// Where the member `name` goes; its name has no escapes.
    fn place(&mut self, name: &str) -> Option<&mut Member<'a>> {
        Some(match name {
            "type" => &mut self.r#type,
            "v" => &mut self.v,
            "id" => &mut self.id,
            "ts" => &mut self.ts,
            "ackId" => &mut self.ack_id,
            "accepted" => &mut self.accepted,
            "reason" => &mut self.reason,
            "code" => &mut self.code,
            "retryable" => &mut self.retryable,
            "fromAgentDid" => &mut self.from_agent_did,
            "toAgentDid" => &mut self.to_agent_did,
            "contentType" => &mut self.content_type,
            "conversationId" => &mut self.conversation_id,
            "replyTo" => &mut self.reply_to,
            "messageId" => &mut self.message_id,
            "lane" => &mut self.lane,
            "laneSeq" => &mut self.lane_seq,
            "attempt" => &mut self.attempt,
            "sentAt" => &mut self.sent_at,
            "sig" => &mut self.sig,
            "fromAit" => &mut self.from_ait,
            "originalFrameId" => &mut self.original_frame_id,
            "status" => &mut self.status,
            "at" => &mut self.at,
            "ait" => &mut self.ait,
            _ => return None,
        })
    }
}

/// The string without escapes that `text` begins with, and what comes after it.
fn plain(text: &str) -> Option<(&str, &str)> {
    let (inner, after) = text.strip_prefix('"')?.split_once('"')?;
    // RFC 8259, section 7: what must be escaped, and what begins an escape
    let plain = inner
        .bytes()
        .fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'\\'));
    plain.then_some((inner, after))
}

/// The JSON value that `text` begins with, and what comes after it.
fn raw(text: &str) -> Option<(&RawValue, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let raw = values.next()?.ok()?;
    // white space before it is not its own
    let after = text.get(values.byte_offset()..)?;
    Some((raw, after))
}

#[cfg(test)]
mod tests {
    use chancery_base::{Millis, Ulid};
    use proptest::prelude::*;

    use super::{super::Frame, *};

    const NAMES: [&str; 25] = [
        "type",
        "v",
        "id",
        "ts",
        "ackId",
        "accepted",
        "reason",
        "code",
        "retryable",
        "fromAgentDid",
        "toAgentDid",
        "contentType",
        "conversationId",
        "replyTo",
        "messageId",
        "lane",
        "laneSeq",
        "attempt",
        "sentAt",
        "sig",
        "fromAit",
        "originalFrameId",
        "status",
        "at",
        "ait",
    ];

    /// All that was found, as JSON.
    fn found(mut members: Members<'_>) -> Vec<Option<String>> {
        let mut all = vec![members.payload.map(|payload| payload.get().to_owned())];
        for name in NAMES {
            all.push(match *members.place(name).expect("a known member") {
                Member::Absent => None,
                Member::Plain(text) => Some(format!("\"{text}\"")),
                Member::Json(json) => Some(json.to_owned()),
            });
        }
        all
    }

    fn member() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
            2 => Just("payload".to_owned()),
            1 => Just("other".to_owned()),
            1 => Just("t\\u0079pe".to_owned()),
        ];
        let value = prop_oneof![
            4 => "\"[ -~é]{0,6}\"",
            2 => prop::sample::select(vec![
                "null", "1", "-0.5e3", "true", "{}", "[1,\"]\",{\"type\":\"}\"}]", "\"\\\"\"", "\"\\u00e9\"", "\"\\ud800\"",
                "\"\\x\"", "\"\u{1}\"", "\"\n\"", "01", "nul", "\"",
            ]).prop_map(str::to_owned),
        ];
        let space = || prop::sample::select(vec!["", "", "", "", "", "", "", "", " ", "\n", "\u{a0}"]);
        (name, value, space(), space(), space())
            .prop_map(|(name, value, a, b, c)| format!("{a}\"{name}\"{b}:{c}{value}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// serde_json is the reference: what the quick reader finds is what is there.
        #[test]
        fn what_is_found_quickly_is_what_is_there(
            members in prop::collection::vec(member(), 0..6),
            end in prop::sample::select(vec!["}", "}", "}", "}", "", "} ", "}}", ",}", "},"]),
            cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        ) {
            let mut text = format!("{{{}{end}", members.join(","));
            if let Some(cut) = cut {
                let at = cut.index(text.len() + 1);
                text.truncate(text.floor_char_boundary(at));
            }
            if let Some(quick) = Members::quick(&text) {
                let thorough = Members::thorough(&text);
                prop_assert!(thorough.is_ok(), "{text:?}: {thorough:?}");
                prop_assert_eq!(found(quick), found(thorough.unwrap()), "{:?}", text);
            }
        }
    }

    #[test]
    fn what_programs_write_is_found_quickly() {
        let frame = Frame::HeartbeatAck { ack_id: Ulid::NIL };
        let ours = frame.encode(Ulid::NIL, Millis(0)).unwrap();
        let theirs =
            r#"{"v":1,"type":"enqueue","id":"x","payload":{"a": [1, "\u00e9"]},"reason":"a\"b","accepted":true}"#;
        for text in [ours.as_str(), theirs] {
            let quick = Members::quick(text).expect("found");
            assert_eq!(found(quick), found(Members::thorough(text).unwrap()));
        }
    }

    #[test]
    fn the_rest_is_left_to_the_thorough_reader() {
        for text in [
            "",
            "{}",
            r#"{"v":1"#,
            r#"{"v":1} "#,
            r#"{ "v":1}"#,
            r#"{"v":1,"v":1}"#,
            r#"{"v":null}"#,
            r#"{"payload":1,"payload":2}"#,
            r#"{"unknown":1}"#,
            "{\"id\":\"a\u{1f}\"}",
        ] {
            assert!(Members::quick(text).is_none(), "{text}");
        }
    }
}
