//! Who is in a chat, and as what (signet spec 11.4).

use chancery_policy::messaging::Scope;
use chancery_signet_wire::{
    Failure,
    action::input::{ByChat, ChatMember, ChatMemberRole},
    record::chat::{ChatMembers, Member, MemberRole, MembersChanged, RoleChanged},
};

use super::chats::looking;
use crate::{
    clients::network,
    core::Core,
    network::{self, Change, InboxName, Role},
    principal::Principal,
    records::chats::Entry,
};

impl Core {
    pub(crate) async fn list_members(&self, who: Principal, input: ByChat) -> Result<ChatMembers, Failure> {
        let (place, inbox) = self.enter(who, looking(input.chat_id, Scope::ListMembers)).await?;
        let members = inbox.members(&place.chat.name).await.map_err(network)?;
        Ok(ChatMembers {
            chat_id: place.chat.id,
            group_id: place.chat.name.0,
            member_count: u32::try_from(members.len()).unwrap_or(u32::MAX),
            members: members.into_iter().map(member).collect(),
        })
    }

    pub(crate) async fn add_member(&self, who: Principal, input: ChatMember) -> Result<MembersChanged, Failure> {
        let add = ("chat.add-member", Scope::AddMember);
        self.change_members(who, input, add, |name| Change::Add(vec![name]))
            .await
    }

    pub(crate) async fn remove_member(&self, who: Principal, input: ChatMember) -> Result<MembersChanged, Failure> {
        let remove = ("chat.remove-member", Scope::RemoveMember);
        self.change_members(who, input, remove, |name| Change::Remove(vec![name]))
            .await
    }

    async fn change_members(
        &self,
        who: Principal,
        input: ChatMember,
        (kind, scope): (&'static str, Scope),
        change: impl FnOnce(InboxName) -> Change + Send,
    ) -> Result<MembersChanged, Failure> {
        let entry = Entry {
            chat: input.chat_id,
            identity: input.identity_label,
            scopes: scope.into(),
            changes: true,
        };
        let (place, inbox) = self.enter(who, entry).await?;
        let change = change(self.whom(who, &input.inbox_id).await?);
        let changed = async {
            inbox.change(&place.chat.name, &change).await.map_err(network)?;
            inbox.members(&place.chat.name).await.map_err(network)
        };
        let members = self.effect(who, (kind, &place.chat.id.to_string()), changed).await?;
        Ok(MembersChanged {
            chat_id: place.chat.id,
            group_id: place.chat.name.0,
            member_count: u32::try_from(members.len()).unwrap_or(u32::MAX),
        })
    }

    pub(crate) async fn promote_member(&self, who: Principal, input: ChatMemberRole) -> Result<RoleChanged, Failure> {
        let promote = ("chat.promote-member", Scope::PromoteAdmin, Role::Admin);
        self.change_role(who, input, promote).await
    }

    pub(crate) async fn demote_member(&self, who: Principal, input: ChatMemberRole) -> Result<RoleChanged, Failure> {
        let demote = ("chat.demote-member", Scope::DemoteAdmin, Role::Member);
        self.change_role(who, input, demote).await
    }

    async fn change_role(
        &self,
        who: Principal,
        input: ChatMemberRole,
        (kind, scope, role): (&'static str, Scope, Role),
    ) -> Result<RoleChanged, Failure> {
        let entry = Entry {
            chat: input.chat_id,
            identity: None,
            scopes: scope.into(),
            changes: true,
        };
        let (place, inbox) = self.enter(who, entry).await?;
        let name = self.whom(who, &input.inbox_id).await?;
        let change = Change::Role(name.clone(), role);
        let changed = async { inbox.change(&place.chat.name, &change).await.map_err(network) };
        self.effect(who, (kind, &place.chat.id.to_string()), changed).await?;
        Ok(RoleChanged {
            chat_id: place.chat.id,
            group_id: place.chat.name.0,
            inbox_id: name.0,
            role: shown(role),
        })
    }
}

fn member(member: network::Member) -> Member {
    Member {
        inbox_id: member.inbox.0,
        role: Some(shown(member.role)),
    }
}

fn shown(role: Role) -> MemberRole {
    match role {
        Role::Member => MemberRole::Member,
        Role::Admin => MemberRole::Admin,
        Role::SuperAdmin => MemberRole::SuperAdmin,
    }
}
