//! Stage 3 (signet spec 4, 14.3).

use chancery_policy::messaging::{HiddenMode, Occasion, Scope, Scopes, Visibility};
use serde_json::json;

const OCCASIONS: [Occasion; 5] = [
    Occasion::Live,
    Occasion::Own,
    Occasion::Replay,
    Occasion::Read,
    Occasion::Reveal,
];

#[derive(Debug, Clone, Copy)]
struct Case {
    read: bool,
    history: bool,
    stream: bool,
    revealed: bool,
    redact: bool,
    old: bool,
    occasion: Occasion,
}

/// Every case there is.
fn cases() -> impl Iterator<Item = Case> {
    OCCASIONS.into_iter().flat_map(|occasion| {
        (0..64_u8).map(move |bits| {
            let [read, history, stream, revealed, redact, old] = [1, 2, 4, 8, 16, 32].map(|bit| bits & bit != 0);
            Case {
                read,
                history,
                stream,
                revealed,
                redact,
                old,
                occasion,
            }
        })
    })
}

/// The spec's decision, line by line; `None` is a drop.
fn naive(case: Case) -> Option<&'static str> {
    let streamed = matches!(case.occasion, Occasion::Live | Occasion::Own | Occasion::Replay);
    // 2.3: live events take stream-messages, too
    if streamed && !case.stream {
        return None;
    }
    let mut v = if case.read {
        "visible"
    } else if case.revealed {
        "revealed"
    } else {
        "hidden"
    };
    // the placeholder for those that may stream and not read
    if v == "hidden" && case.redact && streamed {
        v = "redacted";
    }
    if v == "hidden" {
        return None;
    }
    // 14.3: before the credential, or delivered by catch-up; and what is re-read after a reveal (4.1)
    let historical = case.old || matches!(case.occasion, Occasion::Own | Occasion::Reveal);
    if historical {
        if !case.history {
            return None;
        }
        if v == "visible" {
            v = "historical";
        }
    }
    // a replay is the frame as it was, with visible written as historical
    if case.occasion == Occasion::Replay && v == "visible" {
        v = "historical";
    }
    Some(v)
}

fn decide(case: Case) -> Visibility {
    let listed = [
        (case.read, Scope::ReadMessages),
        (case.history, Scope::ReadHistory),
        (case.stream, Scope::StreamMessages),
    ];
    let may: Scopes = listed
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, scope)| scope)
        .collect();
    let mode = if case.redact {
        HiddenMode::Redact
    } else {
        HiddenMode::Drop
    };
    Visibility::decide(may, mode, case.occasion, case.old, || case.revealed)
}

#[test]
fn every_case_is_decided_as_the_spec_writes_it() {
    assert_eq!(cases().count(), 320);
    for case in cases() {
        let expected = naive(case).unwrap_or("hidden");
        assert_eq!(decide(case).as_str(), expected, "{case:?}");
    }
}

#[test]
fn reading_takes_precedence_over_a_reveal() {
    let all = [Scope::ReadMessages, Scope::StreamMessages].into_iter().collect();
    let asked = std::cell::Cell::new(false);
    let visibility = Visibility::decide(all, HiddenMode::Drop, Occasion::Live, false, || {
        asked.set(true);
        true
    });
    assert_eq!(visibility, Visibility::Visible);
    assert!(!asked.get(), "reveals are not looked through when they do not matter");
}

#[test]
fn history_takes_read_history_for_revealed_messages_too() {
    for case in cases().filter(|case| case.old && !case.history) {
        assert_eq!(decide(case), Visibility::Hidden, "{case:?}");
    }
}

#[test]
fn giving_a_scope_never_hides_anything() {
    for case in cases().filter(|case| decide(*case) != Visibility::Hidden) {
        for wider in [
            Case { read: true, ..case },
            Case { history: true, ..case },
            Case { stream: true, ..case },
        ] {
            assert_ne!(decide(wider), Visibility::Hidden, "{wider:?}");
            assert!(decide(wider).shows_content() >= decide(case).shows_content());
        }
    }
}

#[test]
fn a_replay_says_historical_where_it_said_visible_and_nothing_else() {
    for (before, after) in [
        (Visibility::Visible, Visibility::Historical),
        (Visibility::Historical, Visibility::Historical),
        (Visibility::Revealed, Visibility::Revealed),
        (Visibility::Redacted, Visibility::Redacted),
        (Visibility::Hidden, Visibility::Hidden),
    ] {
        assert_eq!(before.replayed(), after);
    }
    for case in cases().filter(|case| case.occasion == Occasion::Replay) {
        let live = Case {
            occasion: Occasion::Live,
            ..case
        };
        assert_eq!(decide(case), decide(live).replayed(), "{case:?}");
    }
}

#[test]
fn the_five_are_words_of_the_wire() {
    for text in ["visible", "historical", "hidden", "revealed", "redacted"] {
        let visibility: Visibility = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(visibility.to_string(), text);
        assert_eq!(serde_json::to_value(visibility).unwrap(), json!(text));
    }
    assert!(serde_json::from_value::<Visibility>(json!("dropped")).is_err());
    for (mode, text) in [(HiddenMode::Drop, "drop"), (HiddenMode::Redact, "redact")] {
        assert_eq!(serde_json::to_value(mode).unwrap(), json!(text));
    }
    assert_eq!(HiddenMode::default(), HiddenMode::Drop);
}
