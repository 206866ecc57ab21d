//! What the owner decided cannot be forged by who can write the database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use chancery_base::ed25519::SecretKey;
use chancery_policy::DenialReason;
use chancery_skills::{ApproveAll, ApproveNone, GrantRequest, InstallOptions, SkillStanding, Skills, SkillsError};
use chancery_store::rusqlite::Connection;
use common::{House, READ, key, manifest, path, permission, signed};
use serde_json::json;
use std::path::Path;

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("skills.db")).unwrap()
}

fn house(dir: &Path) -> House {
    let house = House::in_dir(dir);
    house.trust(1);
    let requests = [("fs:read", json!({ "paths": ["/a", "/b"] }))];
    house
        .install_with(
            &signed(&manifest("s", "1.0.0", &requests), &key(1)),
            &InstallOptions::default(),
            &ApproveNone,
        )
        .unwrap();
    house
}

fn grant_a(house: &House) {
    let request = GrantRequest::new("s", permission("fs:read", &json!({ "paths": ["/a"] })));
    house.skills.grant(&house.owner, &request).unwrap();
}

#[test]
fn a_grant_that_was_widened_in_the_table_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    grant_a(&house);
    house.enforcer().check("s", READ, &path("/a/x")).unwrap();
    let changed = database(folder.path())
        .execute("UPDATE grants SET body = replace(body, '\"/a\"', '\"/b\"')", [])
        .unwrap();
    assert_eq!(changed, 1);
    let again = house.again(folder.path(), 3);
    for path in [path("/a/x"), path("/b/x")] {
        let denial = again.enforcer().check("s", READ, &path).unwrap_err();
        assert_eq!(denial.reason, DenialReason::Unverified);
    }
    assert_eq!(again.skills.unverified().unwrap().len(), 1);
    // and it is on record: what was queued is written when the handle goes
    drop(again);
    let records = house
        .skills
        .read_audit(|connection| chancery_audit::read(connection, &chancery_audit::Query::default()))
        .unwrap()
        .unwrap();
    assert!(records.iter().any(|entry| entry.kind == "skills.unverified"));
}

#[test]
fn a_grant_of_another_skill_does_not_pass_for_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    grant_a(&house);
    // the column says another skill than the body, which is what counts
    database(folder.path())
        .execute("UPDATE grants SET skill_id = 'other'", [])
        .unwrap();
    assert_eq!(house.again(folder.path(), 3).granted("s"), ["fs:read /a"]);
    // another id
    database(folder.path())
        .execute("UPDATE grants SET id = randomblob(16)", [])
        .unwrap();
    let again = house.again(folder.path(), 4);
    again.enforcer().check("s", READ, &path("/a/x")).unwrap_err();
}

#[test]
fn a_revoked_grant_does_not_come_back_when_its_mark_goes() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    grant_a(&house);
    house
        .skills
        .revoke_grants(&chancery_skills::GrantsOf::Skill("s".to_owned()))
        .unwrap();
    database(folder.path())
        .execute("UPDATE grants SET revoked_at = NULL", [])
        .unwrap();
    let again = house.again(folder.path(), 3);
    again.enforcer().check("s", READ, &path("/a/x")).unwrap_err();
}

#[test]
fn a_skill_that_asks_for_more_in_the_table_is_not_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    grant_a(&house);
    database(folder.path())
        .execute("UPDATE skills SET body = replace(body, '\"/b\"', '\"/etc\"')", [])
        .unwrap();
    let again = house.again(folder.path(), 3);
    assert_eq!(again.skills.list().unwrap()[0].standing, SkillStanding::Unverified);
    let denial = again.enforcer().check("s", READ, &path("/a/x")).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Unverified);
    let request = GrantRequest::new("s", permission("fs:read", &json!({ "paths": ["/etc"] })));
    assert!(matches!(
        again.skills.grant(&again.owner, &request),
        Err(SkillsError::NotInForce { .. })
    ));
    assert!(matches!(again.skills.load("s"), Err(SkillsError::NotInForce { .. })));
}

#[test]
fn a_publisher_that_was_written_into_the_table_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let theirs = {
        let other = tempfile::tempdir().unwrap();
        let thief = SecretKey::from_seed(&[0x66; 32]);
        let mut settings = House::settings(&house.clock);
        settings.owner = thief.public();
        let skills = Skills::open(other.path(), settings).unwrap();
        let request = chancery_skills::TrustRequest {
            key: key(6).public(),
            label: "me".to_owned(),
            scopes: vec!["*".to_owned()],
            source: "mine".to_owned(),
            not_after: None,
        };
        skills.trust(&thief, &request).unwrap();
        drop(skills);
        database(other.path())
            .query_row("SELECT keyid, body, signature FROM publishers", [], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                ))
            })
            .unwrap()
    };
    database(folder.path())
        .execute("INSERT INTO publishers VALUES (?1, ?2, ?3)", theirs)
        .unwrap();
    let again = house.again(folder.path(), 3);
    assert_eq!(again.skills.publishers().unwrap().len(), 1);
    again
        .install_with(
            &signed(&manifest("t", "1.0.0", &[]), &key(6)),
            &InstallOptions::default(),
            &ApproveAll,
        )
        .unwrap_err();
}

#[test]
fn a_row_of_one_kind_does_not_pass_for_one_of_another() {
    // a pin and a skill share members; a signature over the one is none over the other
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let connection = database(folder.path());
    connection
        .execute("UPDATE skills SET signature = (SELECT signature FROM pins)", [])
        .unwrap();
    let again = house.again(folder.path(), 3);
    assert_eq!(again.skills.list().unwrap()[0].standing, SkillStanding::Unverified);
}

#[test]
fn who_is_not_the_owner_decides_nothing_and_takes_away_what_they_want() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    grant_a(&house);
    let stranger = SecretKey::from_seed(&[0x66; 32]);
    let request = GrantRequest::new("s", permission("fs:read", &json!({ "paths": ["/b"] })));
    assert!(matches!(
        house.skills.grant(&stranger, &request),
        Err(SkillsError::NotTheOwner)
    ));
    let package = signed(&manifest("s", "1.1.0", &[]), &key(1));
    house
        .skills
        .install(&package, &InstallOptions::default(), &ApproveAll, &stranger)
        .unwrap_err();
    // taking away asks for no key
    let id = house.skills.grants("s").unwrap()[0].grant.id;
    assert_eq!(
        house.skills.revoke_grants(&chancery_skills::GrantsOf::Id(id)).unwrap(),
        1
    );
    assert!(house.skills.remove("s").unwrap());
}
