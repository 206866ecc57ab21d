//! Inputs of actions. Whatever names something takes its id, the beginning of its id, or its label: [`Reference`].

mod chat;
mod credential;
mod foreign;
mod held;
mod message;
mod operator;
mod policy;
mod signet;

pub use chat::{
    ByChat, ByInbox, ChatCreate, ChatInvite, ChatJoin, ChatLeave, ChatList, ChatMember, ChatMemberRole, ChatRemove,
    ChatRevokeInvite, ChatSync, ChatUpdate, ChatUpdateProfile, ConsentOf, InboxCreate, InboxLink, InboxRemove,
};
pub use credential::{
    ByCredential, CredentialIssue, CredentialList, CredentialRevoke, CredentialUpdateScopes, ScopeChange,
};
pub use held::{ActionList, ByAction, ByReveal, EventsPoll, RevealApprove, RevealList, RevealRequest};
pub use message::{
    MessageInfo, MessageList, MessageReact, MessageRead, MessageReply, MessageSend, SearchMessages, SearchResources,
};
pub use operator::{ByOperator, OperatorChanges, OperatorCreate, OperatorUpdate};
pub use policy::{ByPolicy, PolicyChanges, PolicyCreate, PolicyUpdate};
pub use signet::{
    AdminToken, ByKey, BySeal, ByWallet, KeysExport, KeysInit, KeysRotate, Logs, LookupResolve, Nothing, SealHistory,
    SealList, Stop, WalletCreate, WalletProviderSet,
};

#[cfg(doc)]
use crate::Reference;
