//! What a harness asks for, and which scopes that takes (signet spec 2.3).

use super::{MessageType, Refusal, Scope, Scopes, content_type::Class};

/// Something done in one chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatAction<'a> {
    /// Sending something of this type. What it takes follows from the type and not from the request that carries it, so
    /// a reply, a reaction, a read receipt or a file needs its own scope by whatever request it comes.
    Send(MessageType<'a>),
    /// Adding a member.
    AddMember,
    /// Removing a member.
    RemoveMember,
    /// Making a member an admin.
    PromoteAdmin,
    /// Making an admin a member.
    DemoteAdmin,
    /// Changing what members may do.
    UpdatePermission,
    /// Changing the name.
    UpdateName,
    /// Changing the description.
    UpdateDescription,
    /// Changing the image.
    UpdateImage,
    /// Making an invite.
    Invite,
    /// Leaving.
    Leave,
    /// Seeing who is in it.
    ListMembers,
    /// Seeing what members may do.
    ReadPermissions,
    /// Being told of messages as they come. What is seen of each is for [`Bounds::project`](super::Bounds::project).
    StreamMessages,
    /// Asking for earlier messages. The answer to a no is [`Unseen`](super::Unseen).
    ReadHistory,
    /// Asking for a reveal: anybody may whom the chat concerns. Granting it is the owner's.
    RequestReveal,
    /// Passing content on to the provider of a model.
    ForwardToProvider,
    /// Keeping parts of messages.
    StoreExcerpts,
    /// Remembering content beyond the conversation.
    UseForMemory,
    /// Quoting what was revealed.
    QuoteRevealed,
    /// Summing up content.
    Summarize,
}

/// Something that is done in no chat yet, or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Joining a chat.
    Join,
    /// Making a group.
    CreateGroup,
    /// Making a conversation of two.
    CreateDm,
    /// Seeing which chats there are.
    ListConversations,
    /// Being told of chats as they come.
    StreamConversations,
}

impl ChatAction<'_> {
    /// The scopes that it takes, all of them.
    ///
    /// # Errors
    /// [`Refusal::Reserved`] and [`Refusal::Nested`] for what no scope allows to send.
    pub fn scopes(self) -> Result<Scopes, Refusal> {
        Ok(Scopes::one(match self {
            Self::Send(message) => return sending(message),
            Self::RequestReveal => return Ok(Scopes::NONE),
            Self::AddMember => Scope::AddMember,
            Self::RemoveMember => Scope::RemoveMember,
            Self::PromoteAdmin => Scope::PromoteAdmin,
            Self::DemoteAdmin => Scope::DemoteAdmin,
            Self::UpdatePermission => Scope::UpdatePermission,
            Self::UpdateName => Scope::UpdateName,
            Self::UpdateDescription => Scope::UpdateDescription,
            Self::UpdateImage => Scope::UpdateImage,
            Self::Invite => Scope::Invite,
            Self::Leave => Scope::Leave,
            Self::ListMembers => Scope::ListMembers,
            Self::ReadPermissions => Scope::ReadPermissions,
            Self::StreamMessages => Scope::StreamMessages,
            Self::ReadHistory => Scope::ReadHistory,
            Self::ForwardToProvider => Scope::ForwardToProvider,
            Self::StoreExcerpts => Scope::StoreExcerpts,
            Self::UseForMemory => Scope::UseForMemory,
            Self::QuoteRevealed => Scope::QuoteRevealed,
            Self::Summarize => Scope::Summarize,
        }))
    }
}

impl Action {
    /// The scope that it takes.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Join => Scope::Join,
            Self::CreateGroup => Scope::CreateGroup,
            Self::CreateDm => Scope::CreateDm,
            Self::ListConversations => Scope::ListConversations,
            Self::StreamConversations => Scope::StreamConversations,
        }
    }
}

fn sending(message: MessageType<'_>) -> Result<Scopes, Refusal> {
    let scope = match message.id.class() {
        Class::Reserved => return Err(Refusal::Reserved(message.id.clone())),
        Class::Reply => {
            let nested = message
                .nested
                .filter(|nested| !nested.is_reply())
                .ok_or(Refusal::Nested)?;
            // replying is a way of sending: `reply` stands for the `send` that the content would take
            return Ok(Scopes::one(Scope::Reply) | (sending(MessageType::plain(nested))? - Scope::Send.into()));
        }
        Class::Reaction => Scope::React,
        Class::ReadReceipt => Scope::ReadReceipt,
        Class::Attachment => Scope::Attachment,
        Class::Other => Scope::Send,
    };
    Ok(scope.into())
}
