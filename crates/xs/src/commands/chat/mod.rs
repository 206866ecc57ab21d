//! `xs chat`: conversations, their links, members and profiles.

mod member;

use chancery_signet_wire::{
    Label, Positive, Reference, Text,
    action::{
        Call,
        input::{
            ByChat, ChatCreate, ChatInvite, ChatJoin, ChatLeave, ChatList, ChatRemove, ChatRevokeInvite, ChatSync,
            ChatUpdate, ChatUpdateProfile,
        },
    },
    frame::EventKind,
};
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    Problem,
    arguments::{given, list, positive, quoted},
    problem::Result,
    step::{Equipment, InviteText, Step, Then},
    view::View,
};

const CHATS: View = View::TableAt(
    "groups",
    &[
        ("chat", "chatId"),
        ("name", "name"),
        ("group", "groupId"),
        ("created", "createdAt"),
    ],
);
/// What says that a chat may have come, gone or changed.
const CHANGES: &[EventKind] = &[
    EventKind::MessageVisible,
    EventKind::AgentRevoked,
    EventKind::SealStamped,
];

/// How a link is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// As text
    Link,
    /// As a picture to scan
    Qr,
    /// As both
    #[default]
    Both,
}

/// Look after chats.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a chat
    #[command(after_help = "Examples:
  xs chat create --name \"Team Room\" --members 0x52908400098527886e0f7030069857d2e4169ee7
  xs chat create --name \"Agent Room\" --invite --profile-name \"Host Agent\" --format both")]
    Create(Box<Create>),
    /// List the chats
    #[command(after_help = "Examples:\n  xs chat list\n  xs chat list --watch")]
    List {
        /// The inbox whose chats
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
        /// The operator whose chats
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
        /// Go on until interrupted: a line of JSON for each chat that is there, new or changed
        #[arg(long)]
        watch: bool,
    },
    /// Show a chat
    #[command(after_help = "Examples:\n  xs chat info conv_9e2d\n  xs chat info conv_9e2d --only name")]
    Info {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// Only this member of the answer
        #[arg(long, value_name = "FIELD")]
        only: Option<String>,
    },
    /// Change name, description or picture of a chat
    #[command(after_help = "Examples:\n  xs chat update conv_9e2d --name \"Renamed\"")]
    Update {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// Its name
        #[arg(long)]
        name: Option<Label>,
        /// What it is about
        #[arg(long)]
        description: Option<Text>,
        /// Its picture
        #[arg(long, value_name = "URL")]
        image: Option<Text>,
    },
    /// Fetch what is new in a chat, or in all
    #[command(after_help = "Examples:\n  xs chat sync\n  xs chat sync conv_9e2d")]
    Sync {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Option<Reference>,
        /// The inbox whose chats
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
    },
    /// Join a chat by a Convos link
    #[command(
        after_help = "Examples:\n  xs chat join \"https://popup.convos.org/v2?i=…\" --as support-agent --profile-name \"Support Agent\""
    )]
    Join {
        /// The link, or the part of it that counts
        #[arg(value_name = "LINK")]
        url: Text,
        /// Label of the inbox that joins
        #[arg(long = "as", value_name = "LABEL")]
        acting: Option<Label>,
        /// The operator that it belongs to
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
        /// The name that the chat sees
        #[arg(long, value_name = "NAME")]
        profile_name: Option<Label>,
        /// How long to wait to be let in, seconds
        #[arg(long, value_name = "SECONDS", value_parser = positive)]
        timeout: Option<Positive>,
    },
    /// Make a Convos link to a chat
    #[command(after_help = "Examples:\n  xs chat invite conv_9e2d\n  xs chat invite conv_9e2d --format link")]
    Invite {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// The inbox that invites
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
        /// Name of the chat, as the link says it
        #[arg(long)]
        name: Option<Label>,
        /// What it is about, as the link says it
        #[arg(long)]
        description: Option<Text>,
        /// How long the link counts, seconds; until it is revoked if not given
        #[arg(long, value_name = "SECONDS", value_parser = positive)]
        expires_in: Option<Positive>,
        /// Let in one, and nobody after
        #[arg(long)]
        single_use: bool,
        /// How it is shown
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Take a Convos link back: nobody comes in by it any more
    #[command(after_help = "Examples:\n  xs chat revoke-invite conv_9e2d x7k2m9q4t1")]
    RevokeInvite {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// What tells the link from others
        #[arg(value_name = "TAG")]
        tag: Reference,
    },
    /// Publish the name that a chat sees
    #[command(after_help = "Examples:\n  xs chat update-profile conv_9e2d --profile-name \"Alice\"")]
    UpdateProfile {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// The inbox
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
        /// The operator whose label is the name
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
        /// The name
        #[arg(long, value_name = "NAME")]
        profile_name: Option<Label>,
    },
    /// Leave a chat
    #[command(after_help = "Examples:\n  xs chat leave conv_9e2d\n  xs chat leave conv_9e2d --purge --force")]
    Leave {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// Forget what is here of it, too
        #[arg(long)]
        purge: bool,
        /// Do it; otherwise it is only said what would be done
        #[arg(long)]
        force: bool,
    },
    /// Forget what is here of a chat, without leaving it
    #[command(after_help = "Examples:\n  xs chat rm conv_9e2d\n  xs chat rm conv_9e2d --force")]
    Rm {
        /// The chat
        #[arg(value_name = "CHAT")]
        chat: Reference,
        /// Do it; otherwise the answer is what would be done
        #[arg(long)]
        force: bool,
    },
    /// See and change who is in a chat
    #[command(subcommand)]
    Member(member::Group),
}

/// What a chat is made of.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name
    #[arg(long)]
    name: Label,
    /// Who is in it beside who makes it: inbox ids or addresses, with commas between them
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    members: Vec<Reference>,
    /// The inbox that makes it
    #[arg(long = "as", value_name = "INBOX")]
    acting: Option<Reference>,
    /// The operator whose inbox makes it
    #[arg(long, value_name = "OPERATOR")]
    op: Option<Reference>,
    /// Make a Convos link to it
    #[arg(long)]
    invite: bool,
    /// The name that the chat sees
    #[arg(long, value_name = "NAME")]
    profile_name: Option<Label>,
    /// Name of the chat, as the link says it
    #[arg(long, value_name = "NAME", requires = "invite")]
    invite_name: Option<Label>,
    /// What the chat is about, as the link says it
    #[arg(long, value_name = "TEXT", requires = "invite")]
    invite_description: Option<Text>,
    /// How the link is shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Group {
    pub(crate) fn step(self) -> Result<Step> {
        Ok(match self {
            Self::Create(create) => create.step()?,
            Self::List { acting, op, watch } => {
                let input = ChatList {
                    identity_label: acting,
                    operator_id: op,
                };
                let step = Step::ask(Call::ChatList(input), CHATS);
                if watch {
                    step.then(Then::Watch(CHANGES, "groups"))
                } else {
                    step
                }
            }
            Self::Info { chat, only } => Step::ask(Call::ChatInfo(ByChat { chat_id: chat }), View::Auto).only(only),
            Self::Update {
                chat,
                name,
                description,
                image,
            } => {
                if name.is_none() && description.is_none() && image.is_none() {
                    let reason = "give at least one of --name, --description and --image";
                    return Err(Problem::argument("chat update", reason));
                }
                let input = ChatUpdate {
                    chat_id: chat,
                    name,
                    description,
                    image_url: image,
                };
                Step::ask(Call::ChatUpdate(input), View::Auto)
            }
            Self::Sync { chat, acting } => {
                let input = ChatSync {
                    chat_id: chat,
                    identity_label: acting,
                };
                Step::ask(Call::ChatSync(input), View::Auto)
            }
            Self::Join {
                url,
                acting,
                op,
                profile_name,
                timeout,
            } => {
                let input = ChatJoin {
                    invite_url: url,
                    label: acting,
                    operator_id: op,
                    profile_name,
                    timeout_seconds: timeout,
                };
                Step::ask(Call::ChatJoin(input), View::Auto)
            }
            Self::Invite {
                chat,
                acting,
                name,
                description,
                expires_in,
                single_use,
                format,
            } => {
                let input = ChatInvite {
                    chat_id: chat,
                    identity_label: acting,
                    name,
                    description,
                    expires_in_seconds: expires_in,
                    single_use: given(single_use),
                };
                Step::ask(Call::ChatInvite(input), View::Auto).then(Then::Picture(format))
            }
            Self::RevokeInvite { chat, tag } => {
                let input = ChatRevokeInvite {
                    chat_id: chat,
                    invite_tag: tag,
                };
                Step::ask(Call::ChatRevokeInvite(input), View::Auto)
            }
            Self::UpdateProfile {
                chat,
                acting,
                op,
                profile_name,
            } => {
                if op.is_none() && profile_name.is_none() {
                    let reason = "give --profile-name or --op";
                    return Err(Problem::argument("chat update-profile", reason));
                }
                let input = ChatUpdateProfile {
                    chat_id: chat,
                    identity_label: acting,
                    operator_id: op,
                    profile_name,
                };
                Step::ask(Call::ChatUpdateProfile(input), View::Auto)
            }
            Self::Leave { chat, purge, force } => {
                let forget = if purge { " and forget what is here of it" } else { "" };
                let what = format!("leave chat {}{forget}", quoted(&chat));
                let input = ChatLeave {
                    chat_id: chat,
                    purge: given(purge),
                };
                Step::destroy(force, what, Call::ChatLeave(input))
            }
            Self::Rm { chat, force } => {
                let what = format!("forget what is here of chat {}", quoted(&chat));
                let input = ChatRemove {
                    chat_id: chat,
                    force: given(force),
                };
                Step::destroy_by_plan(force, what, Call::ChatRemove(input))
            }
            Self::Member(group) => group.step(),
        })
    }
}

impl Create {
    fn step(self) -> Result<Step> {
        let equipment = Equipment {
            profile_name: self.profile_name,
            invite: self.invite.then_some(InviteText {
                name: self.invite_name,
                description: self.invite_description,
                format: self.format,
            }),
        };
        let input = ChatCreate {
            member_inbox_ids: list("--members", self.members)?,
            name: Some(self.name),
            creator_identity_label: self.acting,
            operator_id: self.op,
        };
        Ok(Step::ask(Call::ChatCreate(input), View::Auto).then(Then::Equip(equipment)))
    }
}
