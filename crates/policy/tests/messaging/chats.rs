//! Which chats a credential covers (signet spec 1.5, 1.7).

use chancery_policy::messaging::{Chats, ChatsError, ScopeMode};
use serde_json::json;

use super::{CHAT, OTHER_CHAT};

#[test]
fn a_credential_covers_a_chat_at_least() {
    for mode in [ScopeMode::PerChat, ScopeMode::Shared] {
        assert_eq!(Chats::new(mode, [""; 0]), Err(ChatsError::None));
        assert!(Chats::new(mode, [CHAT]).is_ok());
    }
}

#[test]
fn where_chats_are_kept_apart_it_covers_one() {
    assert_eq!(
        Chats::new(ScopeMode::PerChat, [CHAT, OTHER_CHAT]),
        Err(ChatsError::Several)
    );
    assert!(Chats::new(ScopeMode::PerChat, [CHAT, CHAT]).is_ok());
    let shared = Chats::new(ScopeMode::Shared, [OTHER_CHAT, CHAT, CHAT]).unwrap();
    assert_eq!(shared.iter().collect::<Vec<_>>(), [CHAT, OTHER_CHAT]);
    assert_eq!(serde_json::to_value(&shared).unwrap(), json!([CHAT, OTHER_CHAT]));
    assert!(!shared.contains("conv_00000000000000c3") && !shared.contains("conv_00000000000000c"));
}

#[test]
fn scope_modes_are_two_texts() {
    for (mode, text) in [(ScopeMode::PerChat, "per-chat"), (ScopeMode::Shared, "shared")] {
        assert_eq!(serde_json::to_value(mode).unwrap(), json!(text));
        assert_eq!(serde_json::from_value::<ScopeMode>(json!(text)).unwrap(), mode);
        assert_eq!(text.parse::<ScopeMode>().unwrap().to_string(), text);
    }
    assert!("per-group".parse::<ScopeMode>().is_err());
    assert_eq!(ScopeMode::default(), ScopeMode::PerChat);
}
