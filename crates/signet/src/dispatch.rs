//! From a call of an action to what does it, for all surfaces alike.

use chancery_signet_wire::{Category, Class, Failure, Json, action::Call};
use serde::Serialize;

use crate::{
    actions::messages,
    network::Consent,
    principal::Principal,
    records::{Root, inboxes, operators, policies},
    signet::Signet,
};

impl Signet {
    /// Does what `call` says for `principal`, and answers as the table of actions has it.
    ///
    /// # Errors
    /// [`Failure`]. Who may not know of something is told that it is not there; refusals are recorded.
    pub async fn dispatch(&self, principal: Principal, call: Call) -> Result<Json, Failure> {
        let id = call.id();
        let answer = self.answer(principal, call).await;
        if let Err(failure) = &answer
            && matches!(failure.kind(), Category::Permission | Category::Auth)
        {
            self.core.denied(principal, id, failure).await;
        }
        answer
    }

    async fn answer(&self, who: Principal, call: Call) -> Result<Json, Failure> {
        let core = &self.core;
        let records = &core.records;
        match call {
            Call::SignetStatus(_) => json(core.status(who).await),
            Call::SignetStop(input) => json(core.stop(who, input.force.unwrap_or(false)).await),
            Call::AdminLogs(input) => json(core.logs(who, input).await),
            Call::AdminLogsExport(_) => json(core.export_logs(who).await),
            Call::AdminLogsVerify(_) => json(core.verify_logs(who).await),
            Call::AdminVerifyKeys(_) => json(core.verify_keys(who).await),
            Call::AdminExportState(_) => json(core.export_state(who).await),
            Call::ConfigShow(_) => json(records.look(who, Root).await.map(|()| &core.about.config)),

            Call::OperatorCreate(input) => json(records.apply(who, input).await),
            Call::OperatorList(input) => json(records.look(who, operators::All(input)).await),
            Call::OperatorInfo(input) => json(records.look(who, input).await),
            Call::OperatorUpdate(input) => json(records.apply(who, input).await),
            Call::OperatorRemove(input) => json(records.apply(who, operators::Remove(input)).await),

            Call::PolicyCreate(input) => json(records.apply(who, input).await),
            Call::PolicyList(input) => json(records.look(who, policies::All(input)).await),
            Call::PolicyInfo(input) => json(records.look(who, input).await),
            Call::PolicyUpdate(input) => json(records.apply(who, input).await),
            Call::PolicyRemove(input) => json(records.apply(who, policies::Remove(input)).await),

            Call::CredentialIssue(input) => {
                let issued = records.apply(who, input).await;
                core.deadlines.notify_one();
                json(issued)
            }
            Call::CredentialList(input) => json(records.look(who, input).await),
            Call::CredentialLookup(input) => json(records.look(who, input).await),
            Call::CredentialRevoke(input) => json(records.apply(who, input).await),
            Call::CredentialUpdateScopes(input) => json(records.apply(who, input).await),

            Call::InboxCreate(input) => json(core.create_inbox(who, input).await),
            Call::InboxList(input) => json(records.look(who, inboxes::All(input)).await),
            Call::InboxInfo(input) => json(records.look(who, input).await),
            Call::InboxLink(input) => json(records.apply(who, input).await),
            Call::InboxUnlink(input) => json(records.apply(who, inboxes::Unlink(input)).await),
            Call::InboxRemove(input) => json(core.remove_inbox(who, input).await),

            Call::ConsentCheck(input) => json(core.check_consent(who, input).await),
            Call::ConsentAllow(input) => json(core.set_consent(who, input, ("consent.allow", Consent::Allowed)).await),
            Call::ConsentDeny(input) => json(core.set_consent(who, input, ("consent.deny", Consent::Denied)).await),

            Call::SearchResources(input) => json(records.look(who, input).await),
            Call::LookupResolve(input) => json(records.look(who, input).await),

            Call::KeysInit(input) => json(core.init_keys(who, input).await),
            Call::KeysList(_) => json(core.list_keys(who).await),
            Call::KeysInfo(input) => json(core.key_info(who, input).await),
            Call::KeysExportPublic(input) => json(core.export_key(who, input).await),
            Call::KeysRotate(input) => json(core.rotate_keys(who, input).await),
            Call::WalletCreate(input) => json(core.create_wallet(who, input).await),
            Call::WalletList(_) => json(core.list_wallets(who).await),
            Call::WalletInfo(input) => json(core.wallet_info(who, input).await),

            Call::ActionList(input) => json(core.list_actions(who, input).await),
            Call::ActionShow(input) => json(core.show_action(who, input.action_id).await),
            Call::ActionApprove(input) => json(core.approve_action(who, input.action_id).await),
            Call::ActionDeny(input) => json(core.deny_action(who, input.action_id).await),
            Call::RevealRequest(input) => json(core.request_reveal(who, input).await),
            Call::RevealList(input) => json(core.reveals(who, input).await),
            Call::RevealApprove(input) => json(core.approve_reveal(who, input).await),
            Call::RevealDeny(input) => json(core.deny_reveal(who, input.reveal_id).await),
            Call::EventsPoll(input) => json(core.poll_events(who, input).await),
            call => self.in_chats(who, call).await,
        }
    }

    async fn in_chats(&self, who: Principal, call: Call) -> Result<Json, Failure> {
        let core = &self.core;
        match call {
            Call::ChatCreate(input) => json(core.create_chat(who, input).await),
            Call::ChatList(input) => json(core.list_chats(who, input).await),
            Call::ChatInfo(input) => json(core.chat_info(who, input).await),
            Call::ChatMembers(input) => json(core.list_members(who, input).await),
            Call::ChatUpdate(input) => json(core.update_chat(who, input).await),
            Call::ChatSync(input) => json(core.sync_chats(who, input).await),
            Call::ChatLeave(input) => json(core.leave_chat(who, input).await),
            Call::ChatRemove(input) => json(core.forget_chat(who, input).await),
            Call::ChatAddMember(input) => json(core.add_member(who, input).await),
            Call::ChatRemoveMember(input) => json(core.remove_member(who, input).await),
            Call::ChatPromoteMember(input) => json(core.promote_member(who, input).await),
            Call::ChatDemoteMember(input) => json(core.demote_member(who, input).await),
            Call::ChatUpdateProfile(input) => json(core.update_profile(who, input).await),
            Call::ChatJoin(input) => json(core.join_chat(who, input).await),
            Call::ChatInvite(input) => json(core.invite(who, input).await),
            Call::ChatRevokeInvite(input) => json(core.records.apply(who, input).await),

            Call::MessageSend(input) => json(core.send_message(who, input).await),
            Call::MessageReply(input) => json(core.reply(who, input).await),
            Call::MessageReact(input) => json(core.react(who, input).await),
            Call::MessageRead(input) => json(core.mark_read(who, input).await),
            Call::MessageList(input) => Err(messages::no_reading(Some(&input.chat_id))),
            Call::MessageInfo(input) => Err(messages::no_reading(input.chat_id.as_ref())),
            Call::SearchMessages(input) => Err(messages::no_searching(&input)),
            call => {
                core.records.look(who, Root).await?;
                Err(Failure::new(
                    Class::Validation,
                    format!("'{}' is not served here", call.id()),
                ))
            }
        }
    }
}

/// What was answered, as it is sent.
fn json<T: Serialize>(answer: Result<T, Failure>) -> Result<Json, Failure> {
    Json::of(&answer?).map_err(|error| {
        tracing::error!(%error, "an answer has no form in JSON");
        Failure::new(Class::Internal, "the answer could not be written")
    })
}
