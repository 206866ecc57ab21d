//! What is wrong with what was asked; what goes wrong in doing it has the codes of the client.

use std::path::PathBuf;

use chancery_base::{Category, ErrorCode};

/// Why a command is not tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A line of the shell that begins with no command.
    #[error("there is no command {0:?}")]
    UnknownCommand(String),
    /// A command with too few or too many words, or a word that it does not take.
    #[error("{command} takes other words")]
    Usage {
        /// The command.
        command: &'static str,
        /// How it is used.
        usage: &'static str,
    },
    /// Text in double quotes that is no JSON string.
    #[error("what begins with a double quote is not a JSON string")]
    Quotes,
    /// Neither an inbox id nor an address.
    #[error("{0:?} is neither an inbox id nor an address")]
    Inbox(String),
    /// No id of a conversation.
    #[error("{0:?} is not the id of a conversation")]
    Conversation(String),
    /// No key of an installation.
    #[error("{0:?} is not the key of an installation")]
    Installation(String),
    /// A line of the shell beyond the limit.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// A line of the shell that is no text.
    #[error("the line is not UTF-8 text")]
    NotText,
    /// An address without an inbox.
    #[error("{0} has no inbox on this network")]
    NobodyThere(String),
    /// The inbox's file is not there.
    #[error("there is no inbox {}", .0.display())]
    NoInbox(PathBuf),
    /// The wallet's key is not there.
    #[error("there is no wallet {}", .0.display())]
    NoWallet(PathBuf),
    /// The wallet's file holds something else.
    #[error("{} does not hold the key of a wallet", .0.display())]
    Wallet(PathBuf),
}

impl Mistake {
    /// All codes of this enum.
    pub const CODES: &'static [&'static str] = &[
        "XMTP_COMMAND_UNKNOWN",
        "XMTP_COMMAND_USAGE",
        "XMTP_COMMAND_QUOTES",
        "XMTP_COMMAND_INBOX",
        "XMTP_COMMAND_CONVERSATION",
        "XMTP_COMMAND_INSTALLATION",
        "XMTP_COMMAND_TOO_LONG",
        "XMTP_COMMAND_NOT_TEXT",
        "XMTP_COMMAND_NOBODY_THERE",
        "XMTP_COMMAND_DB_MISSING",
        "XMTP_COMMAND_WALLET_MISSING",
        "XMTP_COMMAND_WALLET_INVALID",
    ];
}

impl ErrorCode for Mistake {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownCommand(_) => "XMTP_COMMAND_UNKNOWN",
            Self::Usage { .. } => "XMTP_COMMAND_USAGE",
            Self::Quotes => "XMTP_COMMAND_QUOTES",
            Self::Inbox(_) => "XMTP_COMMAND_INBOX",
            Self::Conversation(_) => "XMTP_COMMAND_CONVERSATION",
            Self::Installation(_) => "XMTP_COMMAND_INSTALLATION",
            Self::TooLong(_) => "XMTP_COMMAND_TOO_LONG",
            Self::NotText => "XMTP_COMMAND_NOT_TEXT",
            Self::NobodyThere(_) => "XMTP_COMMAND_NOBODY_THERE",
            Self::NoInbox(_) => "XMTP_COMMAND_DB_MISSING",
            Self::NoWallet(_) => "XMTP_COMMAND_WALLET_MISSING",
            Self::Wallet(_) => "XMTP_COMMAND_WALLET_INVALID",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NobodyThere(_) | Self::NoInbox(_) | Self::NoWallet(_) => Category::NotFound,
            _ => Category::Input,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownCommand(_) => "help lists the commands",
            Self::Usage { usage, .. } => usage,
            Self::Quotes => {
                "write \\\" for a double quote and \\n for the end of a line, or begin with another character"
            }
            Self::Inbox(_) => "64 lower-case hex digits, or 0x and 40 hex digits",
            Self::Conversation(_) => "32 lower-case hex digits, as list shows them",
            Self::Installation(_) => "64 lower-case hex digits, as installations shows them",
            Self::TooLong(_) | Self::NotText => return None,
            Self::NobodyThere(_) => "its owner has to register first",
            Self::NoInbox(_) => "chancery xmtp new makes one",
            Self::NoWallet(_) => "give --wallet-file",
            Self::Wallet(_) => "64 hex digits; restore the file, or give --wallet-file",
        })
    }
}
