//! The check at every use.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{Envelope, Manifest, Options as ManifestOptions};
use chancery_policy::{Capability, Context, Permission};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_skills::{
    ApproveAll, ApproveNone, Approver, CapabilityEnforcer, FileBroker, GrantRequest, InstallOptions, Package, Settings,
    Skills, TrustRequest,
};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use serde_json::json;

use super::{Options, report};
use crate::repeat::pairs;

/// Files that are asked for in turn, so that the same few are asked for however many grants there are.
const FILES: usize = 10;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    open_with_ten_paths(options, &root)?;
    curve(options, &root)
}

/// An engine in `dir` with a skill `s` that asks for `paths`.
fn engine(dir: &Path, paths: &[String], approver: &dyn Approver) -> anyhow::Result<(Skills, SecretKey)> {
    let (owner, publisher) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
    let settings = Settings::new(Arc::new(SystemClock), Arc::new(OsRng), owner.public());
    let skills = Skills::open(dir, settings)?;
    skills.trust(
        &owner,
        &TrustRequest {
            key: publisher.public(),
            label: "bench".to_owned(),
            scopes: vec!["*".to_owned()],
            source: "bench".to_owned(),
            not_after: None,
        },
    )?;
    let manifest = json!({
        "schemaVersion": 2,
        "id": "s",
        "version": "1.0.0",
        "name": "S",
        "publicKey": chancery_manifest::key_text::public_key_to_hex(&publisher.public()),
        "requiredCapabilities": [
            { "capability": "fs:read", "constraints": { "paths": paths }, "reason": "bench" }
        ],
    })
    .to_string();
    let parsed = Manifest::parse(manifest.as_bytes(), &ManifestOptions::default())?;
    let envelope = Envelope::sign(&parsed, &[&publisher])?;
    let package = Package::of_manifest(manifest.as_bytes(), Some(envelope), &ManifestOptions::default())?;
    skills.install(&package, &InstallOptions::default(), approver, &owner)?;
    Ok((skills, owner))
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| anyhow::anyhow!("a path that is not Unicode"))
}

/// The check that opens, with one grant of ten paths.
fn open_with_ten_paths(options: &Options, root: &Path) -> anyhow::Result<()> {
    let mut paths = Vec::new();
    for n in 0..10 {
        let granted = root.join(format!("granted-{n}/data"));
        fs::create_dir_all(granted.join("sub"))?;
        fs::write(granted.join("sub/file.txt"), "text")?;
        paths.push(text(&granted)?);
    }
    let (skills, _) = engine(&root.join("ten"), &paths, &ApproveAll)?;
    let broker = FileBroker::new(&skills);
    let last = paths.last().cloned().unwrap_or_default();
    let file = format!("{last}/sub/file.txt");
    let dir = File::open(&last)?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let measured = pairs(
        (options.pairs, options.repeat),
        || Ok(broker.open_read("s", None, &file)?),
        || {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            Ok(openat2(&dir, "sub/file.txt", flags, Mode::empty(), resolve)?)
        },
    )?;
    report(options, "skills.open_read.10_paths", &measured, "<=2")
}

/// The check, with more and more grants of one path each.
fn curve(options: &Options, root: &Path) -> anyhow::Result<()> {
    let tree = root.join("tree");
    let mut sizes: Vec<usize> = [10, 100, 1_000, 10_000]
        .into_iter()
        .filter(|n| *n <= options.grants)
        .collect();
    if sizes.last() != Some(&options.grants) {
        sizes.push(options.grants.max(FILES));
    }
    let mut enforcers = Vec::new();
    for size in &sizes {
        let (skills, owner) = engine(&root.join(format!("grants-{size}")), &[text(&tree)?], &ApproveNone)?;
        let mut requests = Vec::with_capacity(*size);
        for n in 0..*size {
            let granted = tree.join(format!("{}/{n}", n % 100));
            fs::create_dir_all(&granted)?;
            let constraints = json!({ "paths": [text(&granted)?] });
            let permission = Permission::from_request(Capability::FsRead, Some(&constraints))
                .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
            requests.push(GrantRequest::new("s", permission));
        }
        skills.grant_all(&owner, &requests)?;
        // every so many grants one that is asked for
        let mut files = Vec::new();
        for n in 0..FILES {
            let n = n * (size / FILES);
            let file = tree.join(format!("{}/{n}/file.txt", n % 100));
            fs::write(&file, "text")?;
            files.push(text(&file)?);
        }
        enforcers.push((*size, CapabilityEnforcer::of(&skills), files));
    }
    let Some((_, few, few_files)) = enforcers.first() else {
        return Ok(());
    };
    for (size, many, files) in &enforcers {
        let check = |enforcer: &CapabilityEnforcer, files: &[String], turn: &mut usize| {
            *turn += 1;
            let context = Context {
                path: files.get(*turn % FILES).map(String::as_str),
                ..Context::default()
            };
            Ok(enforcer.check("s", Capability::FsRead, &context)?)
        };
        let (mut ours, mut yardstick) = (0, 0);
        let measured = pairs(
            (options.pairs, options.repeat),
            || check(many, files, &mut ours),
            || check(few, few_files, &mut yardstick),
        )?;
        report(options, &format!("skills.check.{size}_grants"), &measured, "<=2")?;
    }
    Ok(())
}
