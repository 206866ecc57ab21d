//! Short ids: unique, ambiguous, none, and what is no id at all.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_base::short_id::{MAX_SUGGESTIONS, ShortIdError, resolve};
use proptest::prelude::*;

const PREFIXES: [&str; 2] = ["op_", "cred_"];
const IDS: [&str; 4] = [
    "op_a7f30c2e91d4b856",
    "op_a7f4000000000000",
    "cred_a7f3ffffffffffff",
    "cred_0eda000000000000",
];

fn find(input: &str) -> Result<&'static str, ShortIdError> {
    resolve(input, &PREFIXES, IDS)
}

#[test]
fn a_full_id_stands_for_itself_if_it_is_there() {
    assert_eq!(find("op_a7f30c2e91d4b856"), Ok("op_a7f30c2e91d4b856"));
    assert_eq!(find("op_a7f30c2e91d4b857"), Err(ShortIdError::NotFound));
}

#[test]
fn a_prefix_limits_the_kind_and_without_one_all_count() {
    assert_eq!(find("op_a7f3"), Ok("op_a7f30c2e91d4b856"));
    assert_eq!(find("cred_a7"), Ok("cred_a7f3ffffffffffff"));
    assert_eq!(find("0e"), Ok("cred_0eda000000000000"));
    assert_eq!(
        find("a7f3"),
        Err(ShortIdError::Ambiguous {
            suggestions: vec!["cred_a7f3ffffffffffff".to_owned(), "op_a7f30c2e91d4b856".to_owned()]
        })
    );
    assert_eq!(find("op_0e"), Err(ShortIdError::NotFound));
}

#[test]
fn what_has_no_hex_is_no_id() {
    for input in ["", "op_", "cred_", "op_A7", "A7", "op_a7 ", "op_zz", "policy_a7", "é"] {
        assert_eq!(find(input), Err(ShortIdError::Malformed), "{input:?}");
    }
    assert_eq!(find("op_a7f30c2e91d4b8560"), Err(ShortIdError::NotFound));
}

#[test]
fn a_refusal_names_few() {
    let ids: Vec<String> = (0..50).map(|n| format!("op_aa{n:014x}")).collect();
    let Err(ShortIdError::Ambiguous { suggestions }) = resolve("op_aa", &PREFIXES, ids.iter().map(String::as_str))
    else {
        panic!("ambiguous")
    };
    assert_eq!(suggestions, ids[..MAX_SUGGESTIONS]);
}

proptest! {
    /// Beside the definition: the candidates that begin with the input, counted.
    #[test]
    fn it_resolves_iff_exactly_one_begins_like_it(
        ids in prop::collection::btree_set("(op|cred)_[01]{16}", 0..6),
        input in "((op|cred)_)?[01]{1,16}",
    ) {
        let bare = !input.contains('_');
        let matching: Vec<&String> = ids
            .iter()
            .filter(|id| if bare { id.split('_').nth(1).unwrap().starts_with(&input) } else { id.starts_with(&input) })
            .collect();
        let found = resolve(&input, &PREFIXES, ids.iter().map(String::as_str));
        match matching.as_slice() {
            [] => prop_assert_eq!(found, Err(ShortIdError::NotFound)),
            [one] => prop_assert_eq!(found, Ok(one.as_str())),
            _ => prop_assert!(matches!(found, Err(ShortIdError::Ambiguous { .. })), "{:?}", found),
        }
    }

    #[test]
    fn any_text_is_answered(input in "\\PC*") {
        let _ = find(&input);
    }
}
