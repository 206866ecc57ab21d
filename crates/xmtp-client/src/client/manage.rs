//! Changing a conversation.

use chancery_xmtp_wire::{content::Content, group::Role, identity::InboxId};
use openmls::group::GroupId;

use super::{AdminChange, Client, ClientError, Consent, Kind, PolicyChange, action::Action};

impl Client {
    /// Adds inboxes with all their installations.
    ///
    /// # Errors
    /// [`ClientError::NoInbox`]; [`ClientError::Refused`] when the group does not let us; those of [`send`](Self::send).
    pub async fn add_members(&self, group: &GroupId, inboxes: &[InboxId]) -> Result<(), ClientError> {
        self.inner.perform(group, &Action::members(inboxes, &[])).await
    }

    /// Removes inboxes. Who is no member is removed already.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the group does not let us; those of [`send`](Self::send).
    pub async fn remove_members(&self, group: &GroupId, inboxes: &[InboxId]) -> Result<(), ClientError> {
        self.inner.perform(group, &Action::members(&[], inboxes)).await
    }

    /// Changes what a member is.
    ///
    /// # Errors
    /// [`ClientError::NoSuchMember`], [`ClientError::WrongKind`] in a DM, and those of [`add_members`](Self::add_members).
    pub async fn set_admin(&self, group: &GroupId, inbox: InboxId, change: AdminChange) -> Result<(), ClientError> {
        let inbox = inbox.to_bytes();
        self.inner.perform(group, &Action::Admin { inbox, change }).await
    }

    /// Sets a field of the group, such as [`group_name`](chancery_xmtp_wire::group::field::GROUP_NAME).
    ///
    /// # Errors
    /// [`ClientError::Part`] when it is too long, and those of [`add_members`](Self::add_members).
    pub async fn set_field(&self, group: &GroupId, field: &str, value: &str) -> Result<(), ClientError> {
        let action = Action::Field {
            name: field.to_owned(),
            value: value.to_owned(),
        };
        self.inner.perform(group, &action).await
    }

    /// Changes who may do what.
    ///
    /// # Errors
    /// [`ClientError::WrongKind`] in a DM, and those of [`add_members`](Self::add_members).
    pub async fn set_policy(&self, group: &GroupId, change: PolicyChange) -> Result<(), ClientError> {
        self.inner.perform(group, &Action::policy(change)).await
    }

    /// Renews our keys in a conversation, so that who stole the old ones reads nothing that comes.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn update_keys(&self, group: &GroupId) -> Result<(), ClientError> {
        self.inner.perform(group, &Action::Keys).await
    }

    /// Asks to be removed; the client of an admin does it.
    ///
    /// # Errors
    /// [`ClientError::WrongKind`] in a DM, which nobody can leave, [`ClientError::SuperAdminLeaves`], and those of
    /// [`send`](Self::send).
    pub async fn leave(&self, group: &GroupId) -> Result<(), ClientError> {
        if self.conversation(group)?.kind != Kind::Group {
            return Err(ClientError::WrongKind);
        }
        let ours = self
            .members(group)?
            .into_iter()
            .find(|member| member.inbox == self.inbox());
        if ours.is_some_and(|member| member.role == Role::SuperAdmin) {
            return Err(ClientError::SuperAdminLeaves);
        }
        let request = Content::LeaveRequest {
            authenticated_note: None,
        };
        self.send(group, request.encode()?).await?;
        Ok(())
    }

    /// Says whether we want a conversation, a DM in all its groups. Nobody else is told.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn set_consent(&self, group: &GroupId, consent: Consent) -> Result<(), ClientError> {
        let groups = self.inner.stitched(group)?;
        self.inner.db.transaction(|tx| {
            for group in &groups {
                tx.conversation_consent(group, consent)?;
            }
            Ok(())
        })
    }

    /// Whether we want to hear from an inbox, as was said last. Conversations with it have their own.
    ///
    /// # Errors
    /// Those of the file.
    pub fn inbox_consent(&self, inbox: InboxId) -> Result<Consent, ClientError> {
        Ok(self.inner.db.transaction(|tx| tx.inbox_consent(inbox))?)
    }

    /// Says whether we want to hear from an inbox. Nobody else is told.
    ///
    /// # Errors
    /// Those of the file.
    pub fn set_inbox_consent(&self, inbox: InboxId, consent: Consent) -> Result<(), ClientError> {
        Ok(self.inner.db.transaction(|tx| tx.inbox_consents(inbox, consent))?)
    }
}
