// What the fuzz targets `xmtp_identity_update` and `xmtp_identity_log` do with their bytes. A short loop over them runs in
// the ordinary tests, too (crates/xmtp-wire/tests/identity_fuzz.rs).

use chancery_xmtp_wire::{
    identity::{AssociationState, IdentityLog, IdentityUpdate, InboxId, NoChain, Update},
    proto::identity::{api::v1::GetIdentityUpdatesResponse, associations as proto},
};
use prost::Message as _;

/// An update that is read is written, and what is written is read as the same, down to the text that its signers signed.
/// One whose signatures hold has an effect on the inbox that it names and on no other.
pub(crate) fn update(data: &[u8]) {
    let Ok(update) = IdentityUpdate::decode(data) else {
        return;
    };
    let written = proto::IdentityUpdate::from(&update).encode_to_vec();
    let read = IdentityUpdate::decode(&written);
    assert_eq!(read.as_ref(), Ok(&update));
    assert_eq!(read.map(|read| read.signing_text()), Ok(update.signing_text()));
    let Ok(verified) = update.verify(&NoChain) else { return };
    if let Ok(state) = AssociationState::apply(None, &verified) {
        assert_eq!(state.inbox_id(), update.inbox_id);
    }
}

/// A log of one inbox, as a node answers. Whatever it holds, the inbox is what its accepted entries make of it, and a
/// signature never counts twice.
pub(crate) fn log(data: &[u8]) {
    let Ok(answer) = GetIdentityUpdatesResponse::decode(data) else {
        return;
    };
    for response in answer.responses {
        let Ok(inbox) = response.inbox_id.parse::<InboxId>() else {
            continue;
        };
        let mut log = IdentityLog::new(inbox);
        for entry in response.updates {
            let parsed = entry.update.map(IdentityUpdate::try_from);
            let Some(Ok(update)) = parsed else { continue };
            let Ok(verified) = update.verify(&NoChain) else {
                continue;
            };
            let admitted = log.admit(&verified);
            let Ok(state) = log.append(entry.sequence_id, verified.clone()) else {
                continue;
            };
            if let Ok(admitted) = admitted {
                assert_eq!(&admitted, state);
            }
            assert_eq!(state.inbox_id(), inbox);
            assert_eq!(log.state_at(entry.sequence_id).as_ref(), log.state());
            let again = log.append(entry.sequence_id.saturating_add(1), verified);
            assert!(again.is_err() || is_empty(&update) || entry.sequence_id == u64::MAX);
        }
    }
}

fn is_empty<S>(update: &Update<S>) -> bool {
    update.actions.is_empty()
}
