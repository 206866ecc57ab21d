//! Paths, hosts, programs, names and addresses: what is taken, what is refused, what covers what.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::net::IpAddr;

use chancery_policy::{
    AddressClass, Capability, Constraints, Endpoint, Executable, ExecutablePattern, GrantPath, HostPattern,
    NamePattern, Permission, Request, Resource, ResourcePath, Scheme, Set, address_class,
};

fn permission(capability: Capability, member: &str, values: &[&str]) -> Permission {
    Permission::from_request(capability, Some(&serde_json::json!({ member: values }))).unwrap()
}

fn covers(permission: &Permission, text: &str) -> bool {
    let Ok(resource) = Resource::parse(permission.capability(), text) else {
        return false;
    };
    permission
        .covers(&Request::new(permission.capability(), resource))
        .is_ok()
}

#[test]
fn a_grant_path_has_one_spelling() {
    for (text, spelling) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/./b", "/a/b"),
        ("/.", "/"),
        ("/\u{e9} x", "/\u{e9} x"),
    ] {
        assert_eq!(text.parse::<GrantPath>().unwrap().as_str(), spelling, "{text}");
    }
    for text in [
        "", "a", "./a", "../a", "/a/../b", "/..", "//", "//a", "/a//b", "/a//", "/a\0", "~/a", "C:\\a",
    ] {
        assert!(text.parse::<GrantPath>().is_err(), "{text}");
    }
    assert!(format!("/{}", "x".repeat(4095)).parse::<GrantPath>().is_err());
}

#[test]
fn a_path_that_is_asked_for_is_resolved_by_its_words() {
    for (text, path) in [
        ("/a//b/./c/", "/a/b/c"),
        ("/a/b/../../c", "/c"),
        ("/../../a", "/a"),
        ("/", "/"),
        ("/a/..", "/"),
    ] {
        assert_eq!(text.parse::<ResourcePath>().unwrap().as_str(), path, "{text}");
    }
}

#[test]
fn what_is_opened_beneath_a_grant_is_the_rest_of_the_path() {
    let grant: GrantPath = "/home/user/data".parse().unwrap();
    let relative = |path: &str| grant.relative(&path.parse().unwrap()).map(str::to_owned);
    assert_eq!(relative("/home/user/data/a/b").as_deref(), Some("a/b"));
    assert_eq!(relative("/home/user/data").as_deref(), Some(""));
    assert_eq!(relative("/home/user/data2"), None);
    let root: GrantPath = "/".parse().unwrap();
    assert_eq!(root.relative(&"/etc/hosts".parse().unwrap()), Some("etc/hosts"));
    assert_eq!(root.relative(&"/proc/self".parse().unwrap()), None);
}

#[test]
fn file_systems_of_the_kernel_need_their_own_grant() {
    for path in ["/proc", "/proc/self/environ", "/dev/sda", "/sys/kernel"] {
        assert!(
            !covers(&permission(Capability::FsRead, "paths", &["/"]), path),
            "{path}"
        );
        assert!(!covers(&Permission::unconstrained(Capability::FsRead), path), "{path}");
        assert!(
            covers(
                &permission(Capability::FsRead, "paths", &["/", "/proc", "/dev", "/sys"]),
                path
            ),
            "{path}"
        );
    }
    assert!(covers(&permission(Capability::FsRead, "paths", &["/"]), "/processes"));
}

#[test]
fn hosts_that_are_refused() {
    for text in [
        "",
        "*",
        "*.com",
        "*.co.uk",
        "*.\u{516c}\u{53f8}.cn",
        "*.xn--55qx5d.cn",
        "*.github.io",
        "*.*.example.com",
        "a.*.example.com",
        "*example.com",
        "*.127.0.0.1",
        "https://example.com",
        "example.com/",
        "example.com/a",
        "user@example.com",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:080",
        "example.com:+80",
        "a b.example",
        "a..example",
        ".example.com",
        "xn--\u{e9}",
        "[::1",
        "[::1]x",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "example.com/8",
        "fe80::1%eth0",
        "%65xample.com",
        "example.com?x",
        "example.com#x",
        "a\\b",
        "1.2.3.4.5",
        "256.1.1.1",
        "::ffff:0:0/95",
    ] {
        assert!(text.parse::<HostPattern>().is_err(), "{text}");
    }
    let long = format!("{}.example.com", "x".repeat(64));
    assert!(long.parse::<HostPattern>().is_err());
}

#[test]
fn hosts_have_one_spelling() {
    for (text, spelling) in [
        ("API.GitHub.com.", "api.github.com"),
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("\u{ff41}pi.example.com", "api.example.com"),
        ("api.example.com\u{3002}", "api.example.com"),
        ("*.Example.com:8443", "*.example.com:8443"),
        ("0x7f.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("2130706433:8080", "127.0.0.1:8080"),
        ("[0:0:0:0:0:0:0:1]:8080", "[::1]:8080"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        ("10.0.0.1/32", "10.0.0.1"),
    ] {
        assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), spelling, "{text}");
        assert_eq!(
            spelling.parse::<HostPattern>().unwrap().to_string(),
            spelling,
            "{spelling}"
        );
    }
}

#[test]
fn a_star_stands_for_what_is_below_and_nothing_else() {
    let grant = permission(Capability::NetHttps, "hosts", &["*.example.com"]);
    for host in [
        "a.example.com",
        "a.b.example.com",
        "A.EXAMPLE.COM.",
        "a.example.com:443",
    ] {
        assert!(covers(&grant, host), "{host}");
    }
    for host in [
        "example.com",
        ".example.com",
        "aexample.com",
        "a.example.com.evil.example",
        "a.example.com:8443",
        "127.0.0.1",
    ] {
        assert!(!covers(&grant, host), "{host}");
    }
}

#[test]
fn what_a_url_means_is_what_is_compared() {
    let endpoint = |url: &str| {
        Endpoint::of_url(url)
            .map(|endpoint| (endpoint.host(), endpoint.port()))
            .ok()
    };
    // the spec's own examples, 5.4
    assert_eq!(endpoint("https://0x7f.1/"), Some(("127.0.0.1".to_owned(), 443)));
    assert_eq!(
        endpoint("https://evil.com\\@api.github.com/"),
        Some(("evil.com".to_owned(), 443))
    );
    assert_eq!(endpoint("https://api.github.com@evil.com/"), None);
    assert_eq!(endpoint("https://user:pass@api.github.com/"), None);
    assert_eq!(
        endpoint("http://EXAMPLE.com.:80/x"),
        Some(("example.com".to_owned(), 80))
    );
    assert_eq!(
        endpoint("https://[::ffff:7f00:1]:8443/"),
        Some(("127.0.0.1".to_owned(), 8443))
    );
    for url in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//a.example",
        "https://",
        "https://a..b/",
        "https://a.exa\nmple/",
        " https://a.example/",
        "https://a*b.example/",
        "https://a;b.example/",
        "https://a.example:0/",
    ] {
        assert_eq!(endpoint(url), None, "{url}");
    }
}

#[test]
fn the_scheme_is_part_of_the_capability() {
    let http = permission(Capability::NetHttp, "hosts", &["a.example.com"]);
    let https = permission(Capability::NetHttps, "hosts", &["a.example.com"]);
    assert!(covers(&https, "https://a.example.com/x") && covers(&http, "http://a.example.com/x"));
    assert!(!covers(&https, "http://a.example.com/x") && !covers(&http, "https://a.example.com/x"));
    assert!(!covers(&https, "http://a.example.com:443/x"));
}

#[test]
fn the_default_port_is_the_same_as_none() {
    let with = permission(Capability::NetHttps, "hosts", &["a.example.com:443"]);
    let without = permission(Capability::NetHttps, "hosts", &["a.example.com"]);
    assert_eq!(with, without);
    assert_ne!(
        permission(Capability::NetHttp, "hosts", &["a.example.com:443"]),
        permission(Capability::NetHttp, "hosts", &["a.example.com"])
    );
}

#[test]
fn addresses_that_are_not_of_the_internet_are_covered_by_address_only() {
    let any = Permission::unconstrained(Capability::NetHttp);
    let wide = permission(Capability::NetHttp, "hosts", &["0.0.0.0/0", "::/0"]);
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0x7f000001",
    ] {
        assert!(!covers(&any, address) && !covers(&wide, address), "{address}");
    }
    assert!(covers(&any, "93.184.216.34") && covers(&wide, "93.184.216.34") && covers(&wide, "[2606:4700::1]"));
    let lan = permission(
        Capability::NetHttp,
        "hosts",
        &["10.0.0.0/8", "127.0.0.1", "169.254.0.0/16"],
    );
    assert!(covers(&lan, "10.1.2.3") && covers(&lan, "[::ffff:127.0.0.1]") && covers(&lan, "169.254.1.1"));
    // the cloud's credentials lie in a network of another kind
    assert!(!covers(&lan, "169.254.169.254"));
    assert!(covers(
        &permission(Capability::NetHttp, "hosts", &["169.254.169.254"]),
        "169.254.169.254"
    ));
    let pattern: HostPattern = "10.0.0.0/8".parse().unwrap();
    assert!(pattern.covers_address("::ffff:10.0.0.1".parse().unwrap()));
}

#[test]
fn every_address_has_its_class() {
    use AddressClass::{CarrierNat, LinkLocal, Loopback, Metadata, Multicast, Private, Public, Reserved, Unspecified};
    for (address, class) in [
        ("8.8.8.8", Public),
        ("1.1.1.1", Public),
        ("172.15.0.1", Public),
        ("172.32.0.1", Public),
        ("100.63.255.255", Public),
        ("100.128.0.0", Public),
        ("192.167.1.1", Public),
        ("223.255.255.255", Public),
        ("2606:4700::1111", Public),
        ("127.0.0.1", Loopback),
        ("127.255.255.255", Loopback),
        ("::1", Loopback),
        ("::ffff:127.0.0.1", Loopback),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("172.16.0.0", Private),
        ("172.31.255.255", Private),
        ("192.168.0.1", Private),
        ("fc00::", Private),
        ("fdff::1", Private),
        ("fec0::1", Private),
        ("64:ff9b:1::1", Private),
        ("::ffff:192.168.0.1", Private),
        ("64:ff9b::10.0.0.1", Private),
        ("2002:a00:1::", Private),
        ("::10.0.0.1", Private),
        ("169.254.0.1", LinkLocal),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("100.64.0.0", CarrierNat),
        ("100.127.255.255", CarrierNat),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("ff02::1", Multicast),
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("::", Unspecified),
        ("169.254.169.254", Metadata),
        ("100.100.100.200", Metadata),
        ("168.63.129.16", Metadata),
        ("fd00:ec2::254", Metadata),
        ("::ffff:169.254.169.254", Metadata),
        ("64:ff9b::a9fe:a9fe", Metadata),
        ("192.0.2.1", Reserved),
        ("198.51.100.1", Reserved),
        ("203.0.113.1", Reserved),
        ("198.18.0.1", Reserved),
        ("198.19.255.255", Reserved),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Reserved),
        ("2001:db8::1", Reserved),
        ("2001::1", Reserved),
        ("3fff::1", Reserved),
        ("4000::1", Reserved),
        ("100::1", Reserved),
        ("192.0.0.1", Reserved),
    ] {
        assert_eq!(address_class(address.parse::<IpAddr>().unwrap()), class, "{address}");
    }
}

#[test]
fn programs_are_asked_for_by_bare_name_or_absolute_path() {
    for text in ["git", "/usr/bin/git", "g++", "python3.12"] {
        assert_eq!(text.parse::<ExecutablePattern>().unwrap().asked(), text);
    }
    for text in [
        "",
        ".",
        "..",
        "./git",
        "bin/git",
        "/",
        "/usr/bin/",
        "/usr//bin/git",
        "/usr/../bin/git",
        "git ",
        " git",
        "g*",
        "git\0",
        "git\n",
    ] {
        assert!(text.parse::<ExecutablePattern>().is_err(), "{text:?}");
        assert!(text.parse::<Executable>().is_err(), "{text:?}");
    }
}

#[test]
fn a_pinned_program_is_the_file_that_was_found() {
    let path = || "/usr/bin/git".parse::<GrantPath>().unwrap();
    let pinned = "git"
        .parse::<ExecutablePattern>()
        .unwrap()
        .pinned(path(), [1; 32])
        .unwrap();
    let asked = || "git".parse::<Executable>().unwrap();
    assert!(pinned.covers(&asked().found(path(), [1; 32])));
    assert!(!pinned.covers(&asked()), "it was not looked for");
    assert!(
        !pinned.covers(&asked().found(path(), [2; 32])),
        "another file under the path"
    );
    assert!(
        !pinned.covers(&asked().found("/opt/git".parse().unwrap(), [1; 32])),
        "the same file elsewhere"
    );
    let by_path: Executable = "/usr/bin/git".parse().unwrap();
    assert!(
        !pinned.covers(&by_path.found(path(), [1; 32])),
        "asked for in another way"
    );
    assert!(
        "/usr/bin/git"
            .parse::<ExecutablePattern>()
            .unwrap()
            .pinned("/opt/git".parse().unwrap(), [1; 32])
            .is_err()
    );
    let unpinned: ExecutablePattern = "git".parse().unwrap();
    assert!(pinned.within(&unpinned) && !unpinned.within(&pinned));
}

#[test]
fn interpreters_are_known_under_their_many_names() {
    for name in [
        "sh",
        "bash",
        "python",
        "python3",
        "python3.12",
        "node",
        "nodejs",
        "/usr/bin/env",
        "/bin/busybox",
        "xargs",
        "perl5.36",
        "Node.exe",
        "ruby3.1",
    ] {
        assert!(name.parse::<ExecutablePattern>().unwrap().is_interpreter(), "{name}");
    }
    for name in ["git", "/usr/bin/gcc", "shred", "nodemon-like", "pythonista"] {
        assert!(!name.parse::<ExecutablePattern>().unwrap().is_interpreter(), "{name}");
    }
    let hidden = "tool"
        .parse::<ExecutablePattern>()
        .unwrap()
        .pinned("/bin/dash".parse().unwrap(), [0; 32])
        .unwrap();
    assert!(hidden.is_interpreter());
}

#[test]
fn names_are_exact() {
    let grant = permission(Capability::SecretRead, "names", &["github_token"]);
    assert!(covers(&grant, "github_token"));
    for name in ["GITHUB_TOKEN", "github_token2", "github", "", "*"] {
        assert!(!covers(&grant, name), "{name}");
    }
    for name in ["", "a b", "a=b", "a\0", "*", "A_*", "?"] {
        assert!(name.parse::<NamePattern>().is_err(), "{name:?}");
    }
}

#[test]
fn constraints_of_another_capability_cannot_be_put_together() {
    let paths = Constraints::Paths(Set::new(["/a".parse().unwrap()]).unwrap());
    for capability in Capability::ALL {
        let fits = matches!(capability, Capability::FsRead | Capability::FsWrite);
        assert_eq!(Permission::new(capability, paths.clone()).is_ok(), fits, "{capability}");
    }
    assert!(Set::<GrantPath>::new([]).is_err());
}

#[test]
fn a_request_without_a_host_s_scheme_takes_the_capability_s() {
    let endpoint = Endpoint::parse(Scheme::Http, "a.example.com").unwrap();
    assert_eq!((endpoint.scheme(), endpoint.port()), (Scheme::Http, 80));
}

#[test]
fn the_keys_that_sign_are_no_secrets_of_a_skill() {
    for capability in [Capability::SecretRead, Capability::SecretWrite] {
        for name in ["signing_private_key", "signing_key/release"] {
            assert!(!covers(&Permission::unconstrained(capability), name), "{name}");
            assert!(!covers(&permission(capability, "names", &[name]), name), "{name}");
        }
        for name in ["token", "signing_key", "signing_private_key2"] {
            assert!(covers(&Permission::unconstrained(capability), name), "{name}");
        }
    }
    // a variable may be called anything
    let variable = permission(Capability::EnvRead, "names", &["signing_private_key"]);
    assert!(covers(&variable, "signing_private_key"));
}
