//! What a client is asked for, and a line of the shell that asks for it.

use chancery_xmtp_wire::{
    group::GROUP_ID,
    identity::{EthereumAddress, InboxId, InstallationKey},
};

use super::error::Mistake;

/// What a client is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Who this is.
    Info,
    /// The installations of the own inbox.
    Installations,
    /// Shut an installation of the own inbox out.
    Revoke(InstallationKey),
    /// Make a group.
    Group {
        /// What it is called.
        name: Option<String>,
        /// Who is in it from the start.
        members: Vec<Peer>,
    },
    /// Make or find the DM with somebody.
    Dm(Peer),
    /// Read what is new on the network.
    Sync,
    /// The conversations.
    List,
    /// The messages of a conversation.
    Messages(ConversationId),
    /// Who is in a conversation.
    Members(ConversationId),
    /// Send a text.
    Send {
        /// Where.
        conversation: ConversationId,
        /// What.
        text: String,
    },
    /// Change who is in a conversation, or what somebody may.
    Member {
        /// Where.
        conversation: ConversationId,
        /// Who.
        peer: Peer,
        /// What happens to them.
        change: MemberChange,
    },
    /// Name a group.
    Rename {
        /// Which.
        conversation: ConversationId,
        /// What it is called from now on.
        name: String,
    },
    /// Renew the own keys in a conversation.
    UpdateKeys(ConversationId),
    /// Ask to be let go.
    Leave(ConversationId),
    /// Epoch and fork state of a conversation.
    Debug(ConversationId),
}

/// A line of the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A request to the client.
    Ask(Request),
    /// Print what comes in, or no longer.
    Stream(bool),
    /// Print the commands.
    Help,
    /// End the shell.
    Quit,
}

/// What happens to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// Let in.
    Add,
    /// Put out.
    Remove,
    /// Made an admin.
    Promote,
    /// Made a super admin.
    PromoteToSuper,
    /// An admin no longer.
    Demote,
    /// A super admin no longer.
    DemoteFromSuper,
}

/// Somebody, by inbox or by the address of their wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// By inbox.
    Inbox(InboxId),
    /// By address.
    Wallet(EthereumAddress),
}

/// A conversation: 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationId(pub [u8; GROUP_ID]);

/// Command and how it is used. A text that begins with a double quote is a JSON string.
pub const COMMANDS: [(&str, &str); 21] = [
    ("info", "info"),
    ("installations", "installations"),
    ("revoke", "revoke INSTALLATION"),
    ("group", "group [NAME] INBOX..."),
    ("dm", "dm INBOX"),
    ("sync", "sync"),
    ("list", "list"),
    ("messages", "messages CONV"),
    ("members", "members CONV"),
    ("send", "send CONV TEXT"),
    ("add", "add CONV INBOX"),
    ("remove", "remove CONV INBOX"),
    ("promote", "promote CONV INBOX [super]"),
    ("demote", "demote CONV INBOX [super]"),
    ("rename", "rename CONV NAME"),
    ("update-keys", "update-keys CONV"),
    ("leave", "leave CONV"),
    ("stream", "stream on|off"),
    ("debug", "debug CONV"),
    ("help", "help"),
    ("quit", "quit"),
];

impl std::str::FromStr for Peer {
    type Err = Mistake;

    /// Reads an inbox id, or an address in any case.
    fn from_str(text: &str) -> Result<Self, Mistake> {
        let address = || text.to_ascii_lowercase().parse().ok().map(Self::Wallet);
        let inbox = text.parse().ok().map(Self::Inbox);
        inbox.or_else(address).ok_or_else(|| Mistake::Inbox(text.to_owned()))
    }
}

impl std::str::FromStr for ConversationId {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        Some(text)
            .filter(|text| text.len() == 2 * GROUP_ID && text.bytes().all(digits))
            .and_then(|text| u128::from_str_radix(text, 16).ok())
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| Mistake::Conversation(text.to_owned()))
    }
}

impl Line {
    /// Reads a line; none when it is blank.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Option<Self>, Mistake> {
        let (word, rest) = first_word(line);
        if word.is_empty() {
            return Ok(None);
        }
        let Some((command, usage)) = COMMANDS.into_iter().find(|(command, _)| *command == word) else {
            return Err(Mistake::UnknownCommand(word.to_owned()));
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let line = match (command, &words[..]) {
            ("stream", ["on"]) => Some(Self::Stream(true)),
            ("stream", ["off"]) => Some(Self::Stream(false)),
            ("help", []) => Some(Self::Help),
            ("quit", []) => Some(Self::Quit),
            _ => Request::parse(command, &words, rest)?.map(Self::Ask),
        };
        line.map(Some).ok_or(Mistake::Usage { command, usage })
    }
}

impl Request {
    /// Reads the `words` of `rest`, which followed `command`; none when it does not take them.
    fn parse(command: &str, words: &[&str], rest: &str) -> Result<Option<Self>, Mistake> {
        Ok(Some(match (command, words) {
            ("info", []) => Self::Info,
            ("installations", []) => Self::Installations,
            ("revoke", [key]) => Self::Revoke(installation(key)?),
            ("group", [_, ..]) => return group(rest),
            ("dm", [peer]) => Self::Dm(peer.parse()?),
            ("sync", []) => Self::Sync,
            ("list", []) => Self::List,
            ("messages", [conversation]) => Self::Messages(conversation.parse()?),
            ("members", [conversation]) => Self::Members(conversation.parse()?),
            ("send", [_, _, ..]) => {
                let (conversation, text) = first_word(rest);
                Self::Send {
                    conversation: conversation.parse()?,
                    text: quoted(text)?,
                }
            }
            ("rename", [_, _, ..]) => {
                let (conversation, name) = first_word(rest);
                Self::Rename {
                    conversation: conversation.parse()?,
                    name: quoted(name)?,
                }
            }
            ("add" | "remove" | "promote" | "demote", [conversation, peer, more @ ..]) => {
                let Some(change) = member_change(command, more) else {
                    return Ok(None);
                };
                Self::Member {
                    conversation: conversation.parse()?,
                    peer: peer.parse()?,
                    change,
                }
            }
            ("update-keys", [conversation]) => Self::UpdateKeys(conversation.parse()?),
            ("leave", [conversation]) => Self::Leave(conversation.parse()?),
            ("debug", [conversation]) => Self::Debug(conversation.parse()?),
            _ => return Ok(None),
        }))
    }
}

/// The first word, and what follows the blanks behind it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// Text as it stands there, or what a JSON string says.
fn quoted(text: &str) -> Result<String, Mistake> {
    if text.starts_with('"') {
        serde_json::from_str(text.trim_end()).map_err(|_| Mistake::Quotes)
    } else {
        Ok(text.to_owned())
    }
}

fn member_change(command: &str, more: &[&str]) -> Option<MemberChange> {
    Some(match (command, more) {
        ("add", []) => MemberChange::Add,
        ("remove", []) => MemberChange::Remove,
        ("promote", []) => MemberChange::Promote,
        ("promote", ["super"]) => MemberChange::PromoteToSuper,
        ("demote", []) => MemberChange::Demote,
        ("demote", ["super"]) => MemberChange::DemoteFromSuper,
        _ => return None,
    })
}

/// `[NAME] INBOX...`; none without a member. What is no inbox is a name only where somebody follows: a mistyped inbox does
/// not become one.
fn group(rest: &str) -> Result<Option<Request>, Mistake> {
    let (name, members) = name(rest)?;
    let members: Vec<Peer> = members.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    Ok((!members.is_empty()).then_some(Request::Group { name, members }))
}

fn name(rest: &str) -> Result<(Option<String>, &str), Mistake> {
    if rest.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let name = strings.next().and_then(Result::ok).ok_or(Mistake::Quotes)?;
        let behind = rest.get(strings.byte_offset()..).unwrap_or_default();
        return Ok((Some(name), behind));
    }
    let (word, behind) = first_word(rest);
    Ok(match word.parse::<Peer>() {
        Ok(_) => (None, rest),
        Err(_) => (Some(word.to_owned()), behind),
    })
}

fn installation(text: &str) -> Result<InstallationKey, Mistake> {
    text.parse().map_err(|_| Mistake::Installation(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test that meets what it did not expect stops"
    )]
    use super::*;

    const INBOX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const ADDRESS: &str = "0x00112233445566778899AABBccddeeff00112233";
    const CONV: &str = "0123456789abcdef0123456789abcdef";

    fn read(line: &str) -> Request {
        match Line::parse(line) {
            Ok(Some(Line::Ask(request))) => request,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn mistake(line: &str) -> Mistake {
        Line::parse(line).unwrap_err()
    }

    fn inbox() -> Peer {
        Peer::Inbox(INBOX.parse().unwrap())
    }

    fn conversation() -> ConversationId {
        CONV.parse().unwrap()
    }

    #[test]
    fn every_command_is_read_as_its_usage_says() {
        for (command, usage) in COMMANDS {
            let line = usage
                .replace("INSTALLATION", INBOX)
                .replace("[NAME] INBOX...", &format!("name {INBOX} {ADDRESS}"))
                .replace("INBOX", INBOX)
                .replace("CONV", CONV)
                .replace(" [super]", "")
                .replace("on|off", "on");
            assert!(matches!(Line::parse(&line), Ok(Some(_))), "{command}: {line}");
            // and with one word less not at all, where it takes words
            if let Some((shorter, _)) = line.rsplit_once(' ').filter(|_| command != "group") {
                assert!(matches!(mistake(shorter), Mistake::Usage { .. }), "{shorter}");
            }
        }
    }

    #[test]
    fn an_id_is_read_digit_by_digit() {
        let ConversationId(bytes) = conversation();
        assert_eq!(bytes[..3], [0x01, 0x23, 0x45]);
        for wrong in [
            &CONV[2..],
            &CONV.to_uppercase(),
            &CONV.replace('f', "g"),
            &format!("+{}", &CONV[1..]),
        ] {
            assert_eq!(
                mistake(&format!("debug {wrong}")),
                Mistake::Conversation(wrong.to_string())
            );
        }
    }

    #[test]
    fn blank_lines_ask_for_nothing() {
        for line in ["", "   ", "\t"] {
            assert_eq!(Line::parse(line), Ok(None));
        }
    }

    #[test]
    fn a_text_is_the_rest_of_the_line_or_a_json_string() {
        for (line, text) in [
            ("hello  there ", "hello  there "),
            ("say \"hi\"", "say \"hi\""),
            ("\"two\\nlines \\\"quoted\\\"\"", "two\nlines \"quoted\""),
            ("\"\"", ""),
        ] {
            let expected = Request::Send {
                conversation: conversation(),
                text: text.to_owned(),
            };
            assert_eq!(read(&format!("send {CONV} {line}")), expected);
        }
        for line in ["\"open", "\"a\" b", "\"bad \\x\""] {
            assert_eq!(mistake(&format!("send {CONV} {line}")), Mistake::Quotes, "{line}");
        }
    }

    #[test]
    fn a_group_has_a_name_when_the_first_word_is_nobody() {
        let group = |name: Option<&str>, members: Vec<Peer>| Request::Group {
            name: name.map(str::to_owned),
            members,
        };
        assert_eq!(read(&format!("group {INBOX}")), group(None, vec![inbox()]));
        assert_eq!(read(&format!("group ours {INBOX}")), group(Some("ours"), vec![inbox()]));
        let both = vec![inbox(), Peer::Wallet(ADDRESS.to_lowercase().parse().unwrap())];
        assert_eq!(
            read(&format!("group \"our group\" {INBOX} {ADDRESS}")),
            group(Some("our group"), both)
        );
        assert!(matches!(mistake("group ours"), Mistake::Usage { .. }));
        // a mistyped inbox is no name
        assert!(matches!(
            mistake(&format!("group {}", &INBOX[1..])),
            Mistake::Usage { .. }
        ));
        assert_eq!(mistake(&format!("group a b {INBOX}")), Mistake::Inbox("b".into()));
    }

    #[test]
    fn members_change_as_the_command_says() {
        for (line, change) in [
            (format!("add {CONV} {INBOX}"), MemberChange::Add),
            (format!("remove {CONV} {INBOX}"), MemberChange::Remove),
            (format!("promote {CONV} {INBOX}"), MemberChange::Promote),
            (format!("promote {CONV} {INBOX} super"), MemberChange::PromoteToSuper),
            (format!("demote {CONV} {INBOX}"), MemberChange::Demote),
            (format!("demote {CONV} {INBOX} super"), MemberChange::DemoteFromSuper),
        ] {
            let expected = Request::Member {
                conversation: conversation(),
                peer: inbox(),
                change,
            };
            assert_eq!(read(&line), expected);
        }
        for line in [
            format!("add {CONV} {INBOX} super"),
            format!("promote {CONV} {INBOX} king"),
        ] {
            assert!(matches!(mistake(&line), Mistake::Usage { .. }), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_named() {
        assert_eq!(mistake("INFO"), Mistake::UnknownCommand("INFO".into()));
        assert_eq!(mistake(&format!("dm {CONV}")), Mistake::Inbox(CONV.into()));
        assert_eq!(mistake(&format!("revoke {CONV}")), Mistake::Installation(CONV.into()));
    }
}
