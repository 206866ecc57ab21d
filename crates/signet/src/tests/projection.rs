//! Whatever is said and whatever credentials allow: no content reaches a frame that they do not cover.

use chancery_policy::messaging::Scope;
use serde_json::json;

use super::*;

const TYPES: [&str; 4] = [
    "xmtp.org/text:1.0",
    "xmtp.org/reaction:1.0",
    "example.org/own:1.0",
    "convos.org/profile_update:1.0",
];

const SOME: [Scope; 4] = [
    Scope::ReadMessages,
    Scope::StreamMessages,
    Scope::ReadHistory,
    Scope::Send,
];

/// What a message that was said had about it.
struct Said {
    mark: String,
    chat: usize,
    content_type: &'static str,
    at: Millis,
}

fn some<T: Copy>(rng: &TestRng, all: &[T]) -> Vec<T> {
    all.iter().copied().filter(|_| rng.below(3) > 0).collect()
}

async fn run(seed: u64) {
    let world = World::new(seed).await;
    let rng = TestRng::new(seed);
    let chats = [world.chat().await, world.chat().await, world.chat().await];
    let mut credentials = Vec::new();
    for number in 1..=6 {
        let mut covered: Vec<_> = some(&rng, &chats.clone().map(|(_, id)| id));
        if covered.is_empty() {
            covered.push(chats[0].1);
        }
        let issued = Issued {
            scopes: ScopeSet {
                allow: some(&rng, &SOME).into_iter().collect(),
                deny: SOME.into_iter().filter(|_| rng.below(6) == 0).collect(),
            },
            chats: covered,
            types: (rng.below(2) == 0).then(|| vec!["xmtp.org/text:1.0", "example.org/own:1.0"]),
            issued_at: START.plus(i64::try_from(rng.below(4) * 1000).unwrap()),
            ..Issued::new(number, [], chats[0].1)
        };
        world.issue(&issued).await;
        let session = world.connect(&issued, Some(0)).await;
        credentials.push((issued, session));
    }
    let mut all = Vec::new();
    for n in 0..40 {
        let chat = usize::try_from(rng.below(3)).unwrap();
        let content_type = TYPES[usize::try_from(rng.below(4)).unwrap()];
        let mark = format!("mark-{seed}-{n}-");
        let body = match content_type {
            "xmtp.org/reaction:1.0" => {
                json!({"reference": "0", "action": "added", "content": mark, "schema": "custom"})
            }
            _ => json!({ "text": mark }),
        };
        world.say(&chats[chat].0, content_type, body).await;
        all.push(Said {
            mark,
            chat,
            content_type,
            at: world.clock.now(),
        });
        world.pass(100);
        if rng.below(10) == 0 {
            // somebody loses a scope in the middle of it: what was seen was seen, and the rest is not
            let (issued, _) = &mut credentials[0];
            issued.scopes.deny = issued.scopes.deny | Scope::ReadMessages.into();
            world.settle().await;
            let text = serde_json::to_string(&issued.scopes).unwrap();
            world
                .sql(format!(
                    "UPDATE credentials SET effective = '{text}' WHERE id = '{}'",
                    issued.id()
                ))
                .await;
            all.iter_mut().for_each(|said| said.mark.push('?'));
        }
    }
    world.settle().await;
    let narrowed_from = all.iter().rposition(|said| said.mark.ends_with('?'));
    for (number, (issued, session)) in credentials.iter_mut().enumerate() {
        let mut frames = String::new();
        for out in drain(session).await {
            if let Outgoing::Event(frame) = out {
                frames.push_str(frame.event());
            }
        }
        for (n, said) in all.iter().enumerate() {
            let mark = said.mark.trim_end_matches('?');
            // the naive reading of spec 4, for a reader of one message
            let may = |scope| issued.scopes.may(scope);
            let typed = match &issued.types {
                Some(types) => types.contains(&said.content_type) && said.content_type.starts_with("xmtp.org"),
                None => said.content_type.starts_with("xmtp.org"),
            };
            let expected = issued.chats.contains(&chats[said.chat].1)
                && typed
                && may(Scope::StreamMessages)
                && may(Scope::ReadMessages)
                && (said.at >= issued.issued_at || may(Scope::ReadHistory));
            let before_narrowing = number == 0 && narrowed_from.is_some_and(|at| n <= at);
            if !before_narrowing {
                assert_eq!(
                    frames.contains(mark),
                    expected,
                    "seed {seed}, credential {number}, {mark}: {frames}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_frame_holds_what_its_credential_does_not_cover() {
    for seed in 1..=12 {
        run(seed).await;
    }
}
