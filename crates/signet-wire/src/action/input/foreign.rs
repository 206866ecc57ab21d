//! Schemas of values that other crates define.

use std::borrow::Cow;

use chancery_policy::messaging::{RevealScope, Scope};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )+
    };
}

schemas! {
    /// [`chancery_policy::messaging::Scopes`].
    ScopeList = json_schema!({"type": "array", "items": {"type": "string", "enum": Scope::ALL.map(Scope::as_str)}});
    /// [`chancery_policy::messaging::ScopeMode`].
    ScopeModeWord = json_schema!({"type": "string", "enum": ["per-chat", "shared"]});
    /// [`RevealScope`].
    RevealScopeWord = json_schema!({"type": "string", "enum": RevealScope::ALL.map(RevealScope::as_str)});
    /// [`chancery_policy::messaging::ContentTypeId`].
    ContentTypeText = json_schema!({"type": "string", "pattern": "^[a-z0-9.-]+/[a-zA-Z0-9_]+:\\d+\\.\\d+$"});
    /// [`chancery_base::ed25519::PublicKey`].
    PublicKeyText = json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"});
}
