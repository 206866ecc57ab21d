//! Welcoming those whom a commit of ours added (xmtp spec 3.4).

use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::message_contents::WelcomeWrapperAlgorithm;
use serde::{Deserialize, Serialize};

use super::{ClientError, Inner, action::After};
use crate::{
    network::{NodeError, WelcomeBody, WelcomeToSend},
    storage::{StorageError, Tx, codec},
    welcome::{Pointer, seal},
};

/// From how many installations on that follow pointers the welcome is sealed once for all of them: as official clients.
const SHARED_FROM: usize = 3;
/// Welcomes that are sent at once.
const AT_ONCE: u32 = 50;

/// A welcome as it is kept until it is sent.
#[derive(Serialize, Deserialize)]
struct Due {
    destination: [u8; 32],
    pointer: bool,
    data: Vec<u8>,
    key: Vec<u8>,
    algorithm: i32,
    metadata: Vec<u8>,
}

impl Inner {
    /// Seals the welcome for all who join, and keeps it until it is sent: in the transaction in which the commit takes
    /// effect, whose id is `cursor`.
    pub(super) fn queue_welcomes(&self, tx: &Tx<'_>, after: &After, cursor: u64) -> Result<(), ClientError> {
        let capable = after.joining.iter().filter(|one| one.follows_pointers()).count();
        let mut pointer = None;
        if capable >= SHARED_FROM {
            let shared = Pointer::generate(&*self.rng);
            let destination = shared.destination;
            let (wrapped, bytes) = shared.seal_welcome(&after.welcome, cursor)?;
            // first, so that it is there when somebody follows a pointer
            tx.welcome_due(&codec::encode(&Due {
                destination,
                pointer: false,
                data: wrapped.data.into(),
                key: Vec::new(),
                algorithm: WelcomeWrapperAlgorithm::SymmetricKey.into(),
                metadata: wrapped.metadata.into(),
            })?)?;
            pointer = Some(bytes);
        }
        for one in &after.joining {
            let key = one.key()?;
            let pointer = pointer.as_ref().filter(|_| one.follows_pointers());
            let sealed = pointer.map_or(after.welcome.as_slice(), |pointer| pointer.as_slice());
            let wrapped = seal(&key, sealed, cursor, &*self.rng)?;
            tx.welcome_due(&codec::encode(&Due {
                destination: one.installation,
                pointer: pointer.is_some(),
                data: wrapped.data.into(),
                key: key.as_bytes().to_vec(),
                algorithm: key.algorithm().into(),
                metadata: wrapped.metadata.into(),
            })?)?;
        }
        Ok(())
    }

    /// Sends the welcomes that are still to be sent.
    pub(super) async fn send_welcomes(&self) -> Result<(), ClientError> {
        loop {
            let due = self.db.transaction(|tx| tx.welcomes_due(AT_ONCE))?;
            let Some(last) = due.last().map(|(number, _)| *number) else {
                return Ok(());
            };
            let welcomes = due.iter().map(|(_, due)| welcome(due)).collect::<Result<_, _>>()?;
            match self.node.send_welcomes(welcomes).await {
                Err(NodeError::Refused(_)) if due.len() > 1 => {
                    // one of them is refused; the others must not wait for it
                    for (_, due) in &due {
                        match self.node.send_welcomes(vec![welcome(due)?]).await {
                            Ok(()) | Err(NodeError::Refused(_)) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
                // nobody can be helped who cannot be reached
                Ok(()) | Err(NodeError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
            self.db.transaction(|tx| tx.welcomes_sent(last))?;
        }
    }
}

fn welcome(due: &[u8]) -> Result<WelcomeToSend, StorageError> {
    let due: Due = codec::decode(due)?;
    let (data, hpke_public_key) = (Bytes::from(due.data), Bytes::from(due.key));
    let body = if due.pointer {
        WelcomeBody::Pointer { data, hpke_public_key }
    } else {
        WelcomeBody::Welcome {
            data,
            hpke_public_key,
            algorithm: WelcomeWrapperAlgorithm::try_from(due.algorithm).map_err(|_| StorageError::Format)?,
            metadata: due.metadata.into(),
        }
    };
    Ok(WelcomeToSend {
        destination: due.destination,
        body,
    })
}
