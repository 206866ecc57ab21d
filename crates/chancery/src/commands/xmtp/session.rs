//! A client over the inbox that the arguments name.

use std::{path::PathBuf, sync::Arc};

use chancery_serve::system::{OsRng, SystemClock};
use chancery_terminal::Failure;
use chancery_xmtp_client::{
    client::{AdminChange, Client, GroupOptions, Parts},
    crypto::Crypto,
    network::{Endpoint, Grpc},
    storage::{InboxDb, InboxKey},
};
use chancery_xmtp_wire::{
    content::Content,
    group::field,
    identity::{InboxId, Nonce},
};
use openmls::group::GroupId;

use super::{
    Place,
    answer::Answer,
    error::Mistake,
    files,
    request::{ConversationId, MemberChange, Peer, Request},
};

/// The inbox of a wallet that the SDKs take when nobody says which.
const NONCE: Nonce = Nonce(1);

/// A client that is open.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    node: Endpoint,
    db: PathBuf,
    wallet: PathBuf,
}

impl Session {
    /// Makes the inbox's file, and its wallet when none is given, and registers; goes on where an earlier try ended.
    ///
    /// # Errors
    /// Those of the files and of the client.
    pub(super) async fn register(place: &Place) -> Result<Self, Failure> {
        // one that is given is there already; ours is kept before the network hears of it
        let wallet = match &place.wallet_file {
            Some(given) => files::read_wallet(given)?,
            None => files::wallet(&place.wallet(), &OsRng)?,
        };
        let client = Client::register(parts(place)?, &wallet, NONCE).await?;
        Self::new(place, client)
    }

    /// Opens an inbox that is registered.
    ///
    /// # Errors
    /// [`Mistake::NoInbox`]; those of the client.
    pub(super) async fn open(place: &Place) -> Result<Self, Failure> {
        // opening makes a file that is not there
        if !place.db.exists() {
            return Err(Mistake::NoInbox(place.db.clone()).into());
        }
        let client = Client::open(parts(place)?).await?;
        Self::new(place, client)
    }

    fn new(place: &Place, client: Client) -> Result<Self, Failure> {
        Ok(Self {
            client,
            node: place.endpoint()?,
            db: place.db.clone(),
            wallet: place.wallet(),
        })
    }

    /// The client.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// Those of the client; a [`Mistake`] when somebody or something named is not there.
    pub(super) async fn run(&self, request: Request) -> Result<Answer, Failure> {
        let client = &self.client;
        Ok(match request {
            Request::Info => Answer::Info {
                inbox_id: client.inbox().to_string(),
                installation_id: client.installation().to_string(),
                address: files::read_wallet(&self.wallet)
                    .ok()
                    .map(|key| key.address().to_string()),
                node: self.node.to_string(),
                db: self.db.display().to_string(),
            },
            Request::Installations => Answer::Installations {
                installations: client.installations().await?.iter().map(ToString::to_string).collect(),
            },
            Request::Revoke(installation) => {
                let wallet = files::read_wallet(&self.wallet)?;
                client.revoke_installations(&wallet, &[installation]).await?;
                Answer::Nothing {}
            }
            Request::Group { name, members } => {
                let mut inboxes = Vec::with_capacity(members.len());
                for member in members {
                    inboxes.push(self.inbox(member).await?);
                }
                let options = GroupOptions {
                    name: name.unwrap_or_default(),
                    ..GroupOptions::default()
                };
                let made = client.create_group(options, &inboxes).await?;
                self.conversation(&made)?
            }
            Request::Dm(peer) => {
                let made = client.create_dm(self.inbox(peer).await?).await?;
                self.conversation(&made)?
            }
            Request::Sync => client.sync().await?.into(),
            Request::List => Answer::Conversations {
                conversations: client.conversations()?.into_iter().map(Into::into).collect(),
            },
            Request::Messages(id) => Answer::messages(client.messages(&group(id))?),
            Request::Members(id) => Answer::Members {
                members: client.members(&group(id))?.into_iter().map(Into::into).collect(),
            },
            Request::Send { conversation, text } => {
                let content = Content::Text(text).encode()?;
                let sent = client.send(&group(conversation), content).await?;
                Answer::Sent { id: sent.to_string() }
            }
            Request::Member {
                conversation,
                peer,
                change,
            } => {
                let inbox = self.inbox(peer).await?;
                self.change(&group(conversation), inbox, change).await?
            }
            Request::Rename { conversation, name } => {
                let group = group(conversation);
                client.set_field(&group, field::GROUP_NAME, &name).await?;
                Answer::Nothing {}
            }
            Request::UpdateKeys(id) => {
                client.update_keys(&group(id)).await?;
                Answer::Nothing {}
            }
            Request::Leave(id) => {
                client.leave(&group(id)).await?;
                Answer::Nothing {}
            }
            Request::Debug(id) => Answer::Debug(client.debug(&group(id))?.into()),
        })
    }

    async fn change(&self, group: &GroupId, inbox: InboxId, change: MemberChange) -> Result<Answer, Failure> {
        let client = &self.client;
        let admin = match change {
            MemberChange::Add => {
                client.add_members(group, &[inbox]).await?;
                return Ok(Answer::Nothing {});
            }
            MemberChange::Remove => {
                client.remove_members(group, &[inbox]).await?;
                return Ok(Answer::Nothing {});
            }
            MemberChange::Promote => AdminChange::AddAdmin,
            MemberChange::PromoteToSuper => AdminChange::AddSuperAdmin,
            MemberChange::Demote => AdminChange::RemoveAdmin,
            MemberChange::DemoteFromSuper => AdminChange::RemoveSuperAdmin,
        };
        client.set_admin(group, inbox, admin).await?;
        Ok(Answer::Nothing {})
    }

    fn conversation(&self, id: &GroupId) -> Result<Answer, Failure> {
        Ok(Answer::Conversation {
            conversation: self.client.conversation(id)?.into(),
        })
    }

    async fn inbox(&self, peer: Peer) -> Result<InboxId, Failure> {
        match peer {
            Peer::Inbox(inbox) => Ok(inbox),
            Peer::Wallet(address) => {
                let found = self.client.inbox_of(&address.into()).await?;
                found.ok_or_else(|| Mistake::NobodyThere(address.to_string()).into())
            }
        }
    }
}

fn parts(place: &Place) -> Result<Parts, Failure> {
    let rng = Arc::new(OsRng);
    // an inbox that is there has a key: another one would not open it
    let key = if place.db.exists() {
        InboxKey::read(&place.key())?
    } else {
        InboxKey::read_or_make(&place.key(), &OsRng)?
    };
    Ok(Parts {
        // who has the file has the inbox: first of all
        db: InboxDb::open(&place.db, &key, Crypto::new(rng.clone()))?,
        node: Arc::new(Grpc::new(place.endpoint()?)?),
        clock: Arc::new(SystemClock),
        rng,
    })
}

fn group(ConversationId(bytes): ConversationId) -> GroupId {
    GroupId::from_slice(&bytes)
}
