//! Permissions as an order: what lies within what, and what follows for what is covered.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_policy::{Capability, Constraints, Permission, Request, Resource, Set};
use proptest::prelude::*;

/// Few words, so that random permissions often meet.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "proc", "dev"]), 0..4)
        .prop_map(|parts| format!("/{}", parts.join("/")))
}

fn host() -> impl Strategy<Value = String> {
    let name = prop::collection::vec(prop::sample::select(vec!["a", "b", "example"]), 1..3)
        .prop_map(|labels| format!("{}.com", labels.join(".")));
    let address = prop::sample::select(vec![
        "8.8.8.8",
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[2606:4700::1]",
        "[::ffff:10.0.0.1]",
    ]);
    (
        prop_oneof![1 => name, 1 => address.prop_map(str::to_owned)],
        prop::sample::select(vec!["", ":80", ":443", ":8080"]),
    )
        .prop_map(|(host, port)| host + port)
}

fn host_pattern() -> impl Strategy<Value = String> {
    let networks = vec![
        "0.0.0.0/0",
        "8.0.0.0/8",
        "8.8.8.0/24",
        "10.0.0.0/8",
        "10.0.0.0/24",
        "8.0.0.0/6",
        "169.254.0.0/16",
        "::/0",
        "2606::/16",
        "::1",
        "127.0.0.0/8",
        "::ffff:0:0/96",
    ];
    prop_oneof![
        2 => host(),
        1 => host().prop_filter_map("a star needs a domain", |host| {
            let star = format!("*.{host}");
            star.parse::<chancery_policy::HostPattern>().ok().map(|_| star)
        }),
        2 => prop::sample::select(networks).prop_map(str::to_owned),
    ]
}

fn program() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["git", "node", "/usr/bin/git", "/bin/node"]).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["HOME", "PATH", "token"]).prop_map(str::to_owned)
}

fn set<P: std::str::FromStr<Err = chancery_policy::ValueError> + Ord>(texts: &[String]) -> Set<P> {
    Set::new(texts.iter().map(|text| text.parse().unwrap())).unwrap()
}

fn capability() -> impl Strategy<Value = Capability> {
    // hosts have the most ways to lie within one another
    prop_oneof![
        prop::sample::select(Capability::ALL.to_vec()),
        Just(Capability::FsRead),
        Just(Capability::NetHttp),
        Just(Capability::NetHttps)
    ]
}

fn permission() -> impl Strategy<Value = Permission> {
    capability().prop_flat_map(of)
}

/// Two permissions for one capability, and a request for it.
fn pair() -> impl Strategy<Value = (Permission, Permission, Request)> {
    capability().prop_flat_map(|capability| (of(capability), of(capability), request(capability)))
}

fn of(capability: Capability) -> BoxedStrategy<Permission> {
    let constraints: BoxedStrategy<Constraints> = match capability {
        Capability::FsRead | Capability::FsWrite => prop::collection::vec(path(), 1..3)
            .prop_map(|texts| Constraints::Paths(set(&texts)))
            .boxed(),
        Capability::NetHttp | Capability::NetHttps => prop::collection::vec(host_pattern(), 1..3)
            .prop_map(|texts| Constraints::Hosts(set(&texts)))
            .boxed(),
        Capability::ProcessSpawn => (prop::collection::vec(program(), 1..3), any::<bool>())
            .prop_map(|(texts, pinned)| {
                let patterns = texts.iter().map(|text| {
                    let pattern: chancery_policy::ExecutablePattern = text.parse().unwrap();
                    let path = if text.starts_with('/') {
                        text.clone()
                    } else {
                        format!("/usr/bin/{text}")
                    };
                    if pinned {
                        pattern.pinned(path.parse().unwrap(), [1; 32]).unwrap()
                    } else {
                        pattern
                    }
                });
                Constraints::Executables(Set::new(patterns).unwrap())
            })
            .boxed(),
        _ => prop::collection::vec(name(), 1..3)
            .prop_map(|texts| Constraints::Names(set(&texts)))
            .boxed(),
    };
    prop_oneof![1 => Just(Constraints::Unconstrained), 6 => constraints]
        .prop_map(move |constraints| Permission::new(capability, constraints).unwrap())
        .boxed()
}

fn request(capability: Capability) -> BoxedStrategy<Request> {
    let text = match capability {
        Capability::FsRead | Capability::FsWrite => path().boxed(),
        Capability::NetHttp | Capability::NetHttps => (prop::sample::select(vec!["", "http://", "https://"]), host())
            .prop_map(|(scheme, host)| scheme.to_owned() + &host)
            .boxed(),
        Capability::ProcessSpawn => program().boxed(),
        _ => name().boxed(),
    };
    prop_oneof![
        1 => Just(Request::bare(capability)),
        9 => (text, any::<bool>()).prop_map(move |(text, found)| {
            let resource = match Resource::parse(capability, &text).unwrap() {
                Resource::Executable(program) if found => {
                    let path = if text.starts_with('/') { text } else { format!("/usr/bin/{text}") };
                    Resource::Executable(program.found(path.parse().unwrap(), [1; 32]))
                }
                resource => resource,
            };
            Request::new(capability, resource)
        }),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_permission_lies_within_itself(a in permission()) {
        prop_assert!(a.within(&a));
    }

    #[test]
    fn what_lies_within_what_lies_within_lies_within((a, b, c) in capability().prop_flat_map(|capability| (of(capability), of(capability), of(capability)))) {
        if a.within(&b) && b.within(&c) {
            prop_assert!(a.within(&c), "{a:?} {b:?} {c:?}");
        }
    }

    #[test]
    fn two_permissions_within_each_other_cover_the_same(
        (a, b, asked) in pair()
    ) {
        if a.within(&b) && b.within(&a) {
            prop_assert_eq!(a.covers(&asked).is_ok(), b.covers(&asked).is_ok());
        }
    }

    #[test]
    fn what_a_narrower_permission_covers_a_wider_one_covers(
        (a, b, asked) in pair()
    ) {
        if a.within(&b) && a.covers(&asked).is_ok() {
            prop_assert!(b.covers(&asked).is_ok(), "{a:?} {b:?} {asked:?}");
        }
    }

    #[test]
    fn adding_a_pattern_only_widens((a, b, _) in pair()) {
        let wider = match (a.constraints(), b.constraints()) {
            (Constraints::Paths(x), Constraints::Paths(y)) => {
                Constraints::Paths(Set::new(x.as_slice().iter().chain(y.as_slice()).cloned()).unwrap())
            }
            (Constraints::Hosts(x), Constraints::Hosts(y)) => {
                Constraints::Hosts(Set::new(x.as_slice().iter().chain(y.as_slice()).cloned()).unwrap())
            }
            (constraints, _) => constraints.clone(),
        };
        prop_assert!(a.within(&Permission::new(a.capability(), wider).unwrap()));
    }

    #[test]
    fn a_permission_is_the_same_after_writing_and_reading(a in permission()) {
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Permission>(&json).unwrap(), a);
    }

    #[test]
    fn a_constrained_permission_covers_no_request_that_names_nothing(a in permission()) {
        prop_assert_eq!(a.covers(&Request::bare(a.capability())).is_ok(), a.is_unconstrained());
    }

    #[test]
    fn a_path_below_a_grant_is_covered_and_a_longer_word_is_not(grant in "/[a-z]{1,5}(/[a-z]{1,5}){0,2}", rest in "[a-z]{1,5}") {
        prop_assume!(!["/proc", "/dev", "/sys"].iter().any(|special| grant.starts_with(special)));
        let permission = Permission::from_request(Capability::FsRead, Some(&serde_json::json!({"paths": [grant]}))).unwrap();
        let covers = |path: String| {
            let resource = Resource::parse(Capability::FsRead, &path).unwrap();
            permission.covers(&Request::new(Capability::FsRead, resource)).is_ok()
        };
        let (below, longer) = (format!("{grant}/{rest}"), format!("{grant}{rest}"));
        prop_assert!(covers(below) && !covers(longer));
        let (sibling, last) = (format!("{grant}/../{rest}"), format!("/{rest}"));
        prop_assert_eq!(covers(sibling), grant.ends_with(&last));
    }

    #[test]
    fn no_text_stops_a_reader(text in "\\PC*", bytes: Vec<u8>) {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            for capability in Capability::ALL {
                let _ = Resource::parse(capability, &text);
                let member = capability.dimension().member();
                let _ = Permission::from_request(capability, Some(&serde_json::json!({member: [text]})));
            }
        }
    }
}
