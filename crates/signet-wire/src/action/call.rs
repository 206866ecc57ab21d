//! The table.

use chancery_policy::messaging::Scope::{
    AddMember, CreateGroup, DemoteAdmin, Invite, Join, Leave, ListConversations, ListMembers, PromoteAdmin, React,
    ReadMessages, ReadReceipt, RemoveMember, Reply, Send, UpdateDescription, UpdateImage, UpdateName,
};
use serde_json::{Map, Value};

use super::{
    Definition,
    HttpAuth::{Admin, Credential},
    Intent::{Destroy, Read, Write},
    Shape, input,
};
use crate::{Failure, Refusal, object};

macro_rules! actions {
    ($(
        $variant:ident($input:ident) = $id:literal, $intent:ident, $description:literal => $output:literal
        $(. $place:ident ( $($argument:tt)* ))*;
    )+) => {
        /// A call of an action, with its input.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Call {
            $(
                #[doc = concat!("`", $id, "`: ", $description, ".")]
                $variant(input::$input),
            )+
        }

        impl Call {
            /// Id of the action.
            #[must_use]
            pub const fn id(&self) -> &'static str {
                match self { $(Self::$variant(_) => $id),+ }
            }

            /// The input, as the params of a request; for clients.
            ///
            /// # Errors
            /// None in practice: every input is an object.
            pub fn params(&self) -> Result<Map<String, Value>, serde_json::Error> {
                let input = match self { $(Self::$variant(input) => serde_json::to_value(input)?),+ };
                serde_json::from_value(input)
            }

            /// The call of the action `id` with `input`; `None` when there is no such action.
            ///
            /// Whether an object in the text behind `input` named a member twice is for whoever read that text to know.
            ///
            /// # Errors
            /// [`Refusal`] with the place.
            pub fn from_value(id: &str, input: Value) -> Result<Option<Self>, Refusal> {
                match id {
                    $($id => object::located(input).map(Self::$variant),)+
                    _ => return Ok(None),
                }
                .map(Some)
            }
        }

        const TABLE: &[Definition] = &[
            $(
                Definition::new($id, $intent, $description, Shape::of::<input::$input>(), $output)
                    $(.$place($($argument)*))*,
            )+
        ];
    };
}

/// All actions. They make a registry: a test holds them to it.
#[must_use]
pub fn table() -> &'static [Definition] {
    TABLE
}

impl Call {
    /// The call of the action `id` with the input in `text`, which is one JSON object.
    ///
    /// # Errors
    /// [`Failure`]: there is no such action, or the input is not its input.
    pub fn parse(id: &str, text: &str) -> Result<Self, Failure> {
        chancery_base::json::check_strict(text.as_bytes())
            .map_err(|error| Failure::validation("input", &error.to_string()))?;
        let input = serde_json::from_str(text).map_err(|error| Failure::validation("input", &error.to_string()))?;
        Self::from_value(id, input)?.ok_or_else(|| Failure::not_found("action", id))
    }
}

actions! {
    SignetStatus(Nothing) = "signet.status", Read, "How the daemon fares" => "Status";
    SignetStop(Stop) = "signet.stop", Write, "End the daemon" => "Stopping";
    AdminLogs(Logs) = "admin.logs", Read, "The newest entries of the audit log" => "AuditEntry[]";
    AdminLogsExport(Nothing) = "admin.logs-export", Read, "The whole audit log" => "AuditEntry[]";
    AdminLogsVerify(Nothing) = "admin.logs-verify", Read, "Whether the audit log is whole" => "AuditVerified";
    AdminToken(AdminToken) = "admin.token", Write, "Make a token for an admin that the kernel does not vouch for" => "TokenIssued";
    AdminVerifyKeys(Nothing) = "admin.verify-keys", Read, "Whether every key can be used" => "KeysVerified";
    AdminExportState(Nothing) = "admin.export-state", Read, "All that is held here but secrets" => "StateExport";
    ConfigShow(Nothing) = "config.show", Read, "The settings in force and where each comes from" => "Config";

    OperatorCreate(OperatorCreate) = "operator.create", Write, "Make an operator" => "OperatorRecord"
        .http(Admin).tool_named("operator_create");
    OperatorList(Nothing) = "operator.list", Read, "The operators that are not removed" => "OperatorRecord[]"
        .http(Admin).tool_named("operator_list");
    OperatorInfo(ByOperator) = "operator.info", Read, "One operator" => "OperatorRecord"
        .http(Admin).tool_named("operator_info");
    OperatorUpdate(OperatorUpdate) = "operator.update", Write, "Change an operator" => "OperatorRecord"
        .http(Admin).tool_named("operator_update");
    OperatorRemove(ByOperator) = "operator.remove", Destroy, "Remove an operator and revoke its credentials" => "Removed"
        .http(Admin).tool_named("operator_remove");

    PolicyCreate(PolicyCreate) = "policy.create", Write, "Make a policy" => "PolicyRecord"
        .http(Admin).tool_named("policy_create");
    PolicyList(Nothing) = "policy.list", Read, "The policies" => "PolicyRecord[]"
        .http(Admin).tool_named("policy_list");
    PolicyInfo(ByPolicy) = "policy.info", Read, "One policy" => "PolicyRecord"
        .http(Admin).tool_named("policy_info");
    PolicyUpdate(PolicyUpdate) = "policy.update", Write, "Change a policy and what depends on it" => "PolicyRecord"
        .http(Admin).tool_named("policy_update");
    PolicyRemove(ByPolicy) = "policy.remove", Destroy, "Remove a policy" => "Removed"
        .http(Admin).tool_named("policy_remove");

    CredentialIssue(CredentialIssue) = "credential.issue", Write, "Issue a credential; its token is shown once"
        => "IssuedCredential" .http(Admin);
    CredentialList(CredentialList) = "credential.list", Read, "The credentials in force" => "CredentialRecord[]"
        .http(Admin);
    CredentialLookup(ByCredential) = "credential.lookup", Read, "One credential at work" => "CredentialView"
        .command("credential:inspect").http(Admin);
    CredentialRevoke(CredentialRevoke) = "credential.revoke", Destroy, "Take a credential back, for good" => "Revoked"
        .http(Admin);
    CredentialUpdateScopes(CredentialUpdateScopes) = "credential.updateScopes", Write,
        "Change what a credential allows: less at once, more by a new one" => "ScopesChanged"
        .command("credential:update-scopes").http(Admin);

    InboxCreate(InboxCreate) = "inbox.create", Write, "Register an identity" => "InboxSummary" .http(Admin);
    InboxList(Nothing) = "inbox.list", Read, "The identities" => "InboxSummary[]" .http(Admin);
    InboxInfo(ByInbox) = "inbox.info", Read, "One identity" => "InboxSummary" .http(Admin);
    InboxLink(InboxLink) = "inbox.link", Write, "Give an identity to an operator" => "InboxSummary" .http(Admin);
    InboxUnlink(ByInbox) = "inbox.unlink", Write, "Take an identity from its operator" => "InboxSummary" .http(Admin);
    InboxRemove(InboxRemove) = "inbox.rm", Destroy, "Remove an identity and its files" => "CleanupPlan" .http(Admin);

    ChatCreate(ChatCreate) = "chat.create", Write, "Make a group" => "ChatCreated" .http(Admin).tool()
        .credentials(&[CreateGroup]);
    ChatList(ChatList) = "chat.list", Read, "The groups of an identity" => "ChatList" .http(Admin).tool()
        .credentials(&[ListConversations]);
    ChatInfo(ByChat) = "chat.info", Read, "One group" => "ChatInfo" .http(Admin).tool()
        .examples(&[r#"{"chatId":"conv_9e2d1a4b8c3f7e60"}"#])
        .credentials(&[ListMembers]);
    ChatMembers(ByChat) = "chat.members", Read, "Who is in a group" => "ChatMembers" .http(Admin).tool()
        .examples(&[r#"{"chatId":"conv_9e2d1a4b8c3f7e60"}"#])
        .credentials(&[ListMembers]);
    ChatUpdate(ChatUpdate) = "chat.update", Write, "Change name, description or picture of a group" => "ChatInfo"
        .http(Admin).tool()
        .credentials(&[UpdateName, UpdateDescription, UpdateImage]);
    ChatSync(ChatSync) = "chat.sync", Write, "Fetch what is new in a group, or in all" => "ChatSynced" .http(Admin);
    ChatUpdateProfile(ChatUpdateProfile) = "chat.update-profile", Write, "Publish the name that a group sees"
        => "ProfileApplied" .http(Admin).tool();
    ChatJoin(ChatJoin) = "chat.join", Write, "Join a group by a Convos link" => "ChatJoined" .http(Admin).tool()
        .credentials(&[Join]);
    ChatInvite(ChatInvite) = "chat.invite", Write, "Make a Convos link to a group" => "Invite" .http(Admin).tool()
        .credentials(&[Invite]);
    ChatRevokeInvite(ChatRevokeInvite) = "chat.revoke-invite", Write, "Take a Convos link back" => "InviteRevoked"
        .http(Admin).tool()
        .credentials(&[Invite]);
    ChatLeave(ChatLeave) = "chat.leave", Write, "Leave a group" => "ChatLeft" .http(Admin).tool()
        .credentials(&[Leave]);
    ChatRemove(ChatRemove) = "chat.rm", Destroy, "Forget what is here of a group, without leaving it" => "ChatRemoved"
        .http(Admin).tool();
    ChatAddMember(ChatMember) = "chat.add-member", Write, "Add somebody to a group" => "MembersChanged"
        .http(Admin).tool()
        .credentials(&[AddMember]);
    ChatRemoveMember(ChatMember) = "chat.remove-member", Write, "Remove somebody from a group" => "MembersChanged"
        .http(Admin).tool()
        .credentials(&[RemoveMember]);
    ChatPromoteMember(ChatMemberRole) = "chat.promote-member", Write, "Make a member an admin of a group"
        => "RoleChanged" .http(Admin).tool()
        .credentials(&[PromoteAdmin]);
    ChatDemoteMember(ChatMemberRole) = "chat.demote-member", Write, "Make an admin of a group a member"
        => "RoleChanged" .http(Admin).tool()
        .credentials(&[DemoteAdmin]);

    MessageSend(MessageSend) = "message.send", Write, "Send a text" => "SendAnswer"
        .http(Admin).tool_named("message_send")
        .credentials(&[Send]);
    MessageList(MessageList) = "message.list", Read, "Messages of a chat" => "MessageList"
        .http(Admin).tool_named("message_list")
        .credentials(&[ReadMessages]);
    MessageInfo(MessageInfo) = "message.info", Read, "One message" => "MessageRecord"
        .http(Admin).tool_named("message_info")
        .credentials(&[ReadMessages]);
    MessageReply(MessageReply) = "message.reply", Write, "Answer a message" => "SendAnswer"
        .http(Admin).tool_named("message_reply")
        .credentials(&[Reply]);
    MessageReact(MessageReact) = "message.react", Write, "React to a message" => "SendAnswer"
        .http(Admin).tool_named("message_react")
        .credentials(&[React]);
    MessageRead(MessageRead) = "message.read", Write, "Say that a chat was read" => "ReadAnswer"
        .http(Admin).tool_named("message_read")
        .credentials(&[ReadReceipt]);

    ConsentCheck(ConsentOf) = "consent.check", Read, "Whether somebody may write" => "Consent" .http(Admin).tool()
        .examples(&[r#"{"entity":"bob"}"#]);
    ConsentAllow(ConsentOf) = "consent.allow", Write, "Let somebody write" => "Consent" .http(Admin).tool();
    ConsentDeny(ConsentOf) = "consent.deny", Write, "Let somebody not write" => "Consent" .http(Admin).tool();

    SearchMessages(SearchMessages) = "search.messages", Read, "Look for text in messages" => "MessageMatches"
        .http(Admin).tool_named("search_messages")
        .credentials(&[ReadMessages]);
    SearchResources(SearchResources) = "search.resources", Read,
        "Look for operators, policies, credentials and chats" => "ResourceMatches"
        .http(Admin).tool_named("search_resources");
    LookupResolve(LookupResolve) = "lookup.resolve", Read, "What a name stands for" => "Lookup" .http(Admin);

    SealList(SealList) = "seal.list", Read, "The seals in force" => "SealEnvelope[]"
        .http(Admin).tool_named("seal_list")
        .credentials(&[]);
    SealInfo(BySeal) = "seal.info", Read, "One seal" => "SealEnvelope" .http(Admin).tool_named("seal_info")
        .credentials(&[]);
    SealHistory(SealHistory) = "seal.history", Read, "The seals of a credential in a chat, the newest first"
        => "SealEnvelope[]" .http(Admin).tool_named("seal_history")
        .credentials(&[]);
    SealVerify(BySeal) = "seal.verify", Read, "Check a seal and its chain" => "SealVerified"
        .http(Admin).tool_named("seal_verify")
        .credentials(&[]);

    KeysInit(KeysInit) = "keys.init", Write, "Make the keys of an operator" => "KeysInitialized" .http(Admin);
    KeysList(Nothing) = "keys.list", Read, "The operational keys" => "KeySummary[]" .http(Admin);
    KeysInfo(ByKey) = "keys.info", Read, "One operational key" => "KeySummary" .http(Admin);
    KeysExportPublic(KeysExport) = "keys.export-public", Read, "The public half of a key" => "PublicKeyExport"
        .http(Admin);
    KeysRotate(KeysRotate) = "keys.rotate", Write, "Replace operational keys; seals go on in the same chain"
        => "Rotated";

    WalletCreate(WalletCreate) = "wallet.create", Write, "Make a wallet" => "WalletInfo" .http(Admin);
    WalletList(Nothing) = "wallet.list", Read, "The wallets" => "WalletInfo[]" .http(Admin);
    WalletInfo(ByWallet) = "wallet.info", Read, "One wallet and its accounts" => "WalletDetails" .http(Admin);
    WalletProviderList(Nothing) = "wallet.provider-list", Read, "The providers of wallets" => "WalletProvider[]";
    WalletProviderSet(WalletProviderSet) = "wallet.provider-set", Write, "Name the program of a provider"
        => "WalletProvider";

    RevealRequest(RevealRequest) = "reveal.request", Write, "Ask to see what is hidden" => "RevealAnswer"
        .http(Credential).tool()
        .credentials(&[]);
    RevealList(RevealList) = "reveal.list", Read, "What is revealed, and what is asked for" => "Reveals"
        .http(Credential).tool()
        .credentials(&[]);
    RevealApprove(RevealApprove) = "reveal.approve", Write, "Let a harness see what it asked for" => "RevealAccess";
    RevealDeny(ByReveal) = "reveal.deny", Write, "Do not let it" => "RevealDenied";

    ActionList(ActionList) = "action.list", Read, "The actions that wait for the owner" => "PendingActions";
    ActionShow(ByAction) = "action.show", Read, "Exactly what an action will do" => "PendingAction";
    ActionApprove(ByAction) = "action.approve", Write, "Let an action be done, once" => "ActionResolved";
    ActionDeny(ByAction) = "action.deny", Write, "Do not let it" => "ActionResolved";

    EventsPoll(EventsPoll) = "events.poll", Read, "Events of a credential after a number" => "EventList"
        .http(Credential).tool_named("events_poll")
        .credentials(&[]);
}
