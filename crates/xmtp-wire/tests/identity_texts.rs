//! What signers see and sign, against texts and digests that others published.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_xmtp_wire::identity::{Action, EthereumAddress, Identifier, InboxId, InstallationKey, Nonce, Update};

fn address(text: &str) -> EthereumAddress {
    text.parse().unwrap()
}

/// The unit test `create_signatures` of libxmtp's unsigned_actions.rs.
const PUBLISHED_INBOX: &str = "fcd18d86276d7a99fe522dba9660c420f03c8648785ada7c5daae232a3df77a9";

#[test]
fn an_inbox_id_is_the_hash_of_address_and_nonce() {
    let owner = Identifier::Ethereum(address("0x1234567890abcdef1234567890abcdef12345678"));
    assert_eq!(InboxId::derive(&owner, Nonce(0)).to_string(), PUBLISHED_INBOX);
}

#[test]
fn a_wallet_sees_every_action_in_order() {
    // the same test's text; its addresses of 41 digits and its installation of 3 bytes are made whole
    let wallet = address("0x4567890abcdef1234567890abcdef12345678123");
    let installation: InstallationKey = "01".repeat(32).parse().unwrap();
    let recovery = address("0x7890abcdef1234567890abcdef12345678123456");
    let update = Update {
        inbox_id: PUBLISHED_INBOX.parse().unwrap(),
        client_timestamp_ns: 12,
        actions: vec![
            Action::CreateInbox {
                owner: address("0x1234567890abcdef1234567890abcdef12345678").into(),
                nonce: Nonce(0),
                signature: (),
            },
            Action::Add {
                member: wallet.into(),
                existing: (),
                new: (),
            },
            Action::Add {
                member: installation.into(),
                existing: (),
                new: (),
            },
            Action::Revoke {
                member: wallet.into(),
                signature: (),
            },
            Action::Revoke {
                member: installation.into(),
                signature: (),
            },
            Action::ChangeRecovery {
                identifier: recovery.into(),
                signature: (),
            },
        ],
    };
    let expected = "XMTP : Authenticate to inbox

Inbox ID: fcd18d86276d7a99fe522dba9660c420f03c8648785ada7c5daae232a3df77a9
Current time: 1970-01-01T00:00:00Z

- Create inbox
  (Owner: 0x1234567890abcdef1234567890abcdef12345678)
- Link address to inbox
  (Address: 0x4567890abcdef1234567890abcdef12345678123)
- Grant messaging access to app
  (ID: 0101010101010101010101010101010101010101010101010101010101010101)
- Unlink address from inbox
  (Address: 0x4567890abcdef1234567890abcdef12345678123)
- Revoke messaging access from app
  (ID: 0101010101010101010101010101010101010101010101010101010101010101)
- Change inbox recovery address
  (Address: 0x7890abcdef1234567890abcdef12345678123456)

For more info: https://xmtp.org/signatures";
    assert_eq!(update.signing_text(), expected);
}
