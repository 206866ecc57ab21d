//! What was wrapped is no welcome to the guest, or cannot be unwrapped.

use bytes::Bytes;
use chancery_xmtp_client::network::WelcomeBody;

use super::{
    super::{NO_WELCOME, OPENMLS},
    Invitation, followed, to_group,
};

/// The parts of a classic welcome: what is wrapped, the key, the metadata.
fn parts(body: &mut WelcomeBody) -> (&mut Bytes, &mut Bytes, &mut Bytes) {
    match body {
        WelcomeBody::Welcome {
            data,
            hpke_public_key,
            metadata,
            ..
        } => (data, hpke_public_key, metadata),
        WelcomeBody::Pointer { .. } => panic!("a pointer"),
    }
}

/// The same bytes, the last one another.
fn altered(bytes: &Bytes) -> Bytes {
    let mut altered = bytes.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    altered.into()
}

pub(super) fn all() -> Vec<Invitation> {
    vec![
        to_group(
            "XMTP_CLIENT_WELCOME_HPKE",
            "a bit of what is wrapped is another",
            |_, _, invite| {
                invite.wrapped = |body| *parts(body).0 = altered(parts(body).0);
            },
        ),
        to_group(
            "XMTP_CLIENT_WELCOME_HPKE",
            "a bit of the metadata is another",
            |_, _, invite| {
                invite.wrapped = |body| *parts(body).2 = altered(parts(body).2);
            },
        ),
        to_group(
            "XMTP_CLIENT_WELCOME_MALFORMED",
            "what is wrapped is cut short",
            |_, _, invite| {
                invite.wrapped = |body| *parts(body).0 = parts(body).0.slice(..40);
            },
        ),
        to_group(NO_WELCOME, "it is wrapped for a key of nobody's", |_, _, invite| {
            invite.wrapped = |body| *parts(body).1 = altered(parts(body).1);
        }),
        to_group(NO_WELCOME, "no message is wrapped", |_, _, invite| {
            invite.unwrapped = |welcome| *welcome = b"welcome".to_vec();
        }),
        to_group(NO_WELCOME, "nothing is wrapped", |_, _, invite| {
            invite.unwrapped = Vec::clear
        }),
        to_group(OPENMLS, "the group info cannot be opened", |_, _, invite| {
            invite.unwrapped = |welcome| *welcome.last_mut().unwrap() ^= 1;
        }),
        to_group(OPENMLS, "there is no tree", |_, _, invite| invite.without_tree = true),
        to_group(OPENMLS, "it is a welcome for the others", |_, guest, invite| {
            invite.without_guest = true;
            invite.state.membership.members.remove(&guest);
        }),
        to_group("XMTP_JOIN_PRE_SHARED_KEY", "a pre-shared key", |hall, _, invite| {
            invite.proposals.push(hall.maker.pre_shared_key());
        }),
        followed("the group begins beyond its end", |_, _, invite| {
            invite.cursor = 1_000_000
        }),
        to_group(
            "XMTP_CLIENT_WELCOME_METADATA",
            "the group begins at what is no number of a log",
            |_, _, invite| invite.cursor = u64::MAX,
        ),
        followed("nothing says where the group begins", |_, _, invite| {
            invite.wrapped = |body| *parts(body).2 = Bytes::new();
        }),
    ]
}
