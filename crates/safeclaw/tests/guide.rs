//! The guide in `docs/skills` does what it says: its blocks are run in order, by two people, and answer as it states.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A fenced block: what stands behind the fence, its lines, and where it begins.
#[derive(Debug)]
struct Block {
    info: String,
    text: String,
    line: usize,
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/skills")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(info) if !inside => {
                blocks.push(Block {
                    info: info.to_owned(),
                    text: String::new(),
                    line: number + 1,
                });
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "a block is not closed");
    blocks
}

/// The people of the guide, and the place that both can reach.
struct World {
    dir: TempDir,
    /// What each has exported so far: it holds for the rest of their session.
    exports: BTreeMap<String, String>,
}

impl World {
    fn home(&self, who: &str) -> PathBuf {
        let home = self.dir.path().join(who);
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    /// Runs a block and returns how it ended, and all that it wrote.
    fn run(&mut self, who: &str, script: &str) -> (i32, String) {
        let home = self.home(who);
        let shared = self.dir.path().join("shared");
        std::fs::create_dir_all(&shared).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_safeclaw"));
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        let exports = self.exports.entry(who.to_owned()).or_default();
        let output = Command::new("sh")
            .args(["-eu", "-c", &format!("exec 2>&1\n{exports}\n{script}")])
            .env_clear()
            .env("HOME", &home)
            .env("PATH", path)
            .env("SHARED", &shared)
            .current_dir(&home)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        for line in script.lines().filter(|line| line.starts_with("export ")) {
            exports.push_str(line);
            exports.push('\n');
        }
        let code = output.status.code().unwrap_or(-1);
        (code, String::from_utf8(output.stdout).unwrap())
    }
}

/// Who types the block, and how it ends: `# owner, ends with 4`.
fn heading(block: &Block) -> (&str, i32) {
    let first = block.text.lines().next().unwrap_or_default();
    let heading = first
        .strip_prefix("# ")
        .unwrap_or_else(|| panic!("line {}: who types this?", block.line));
    let (who, ends) = heading.split_once(", ends with ").unwrap_or((heading, "0"));
    assert!(["publisher", "owner"].contains(&who), "line {}: {who}", block.line);
    (who, ends.parse().unwrap())
}

/// Whether `line` is what `stated` says, where `…` is anything.
fn line_is(stated: &str, line: &str) -> bool {
    let mut parts = stated.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether `lines` are what `stated` says; a line that is only `…` is any number of lines.
fn lines_are(stated: &[&str], lines: &[&str]) -> bool {
    match (stated.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=lines.len()).any(|skipped| lines_are(rest, &lines[skipped..])),
        (Some((first, stated)), Some((line, lines))) => line_is(first, line) && lines_are(stated, lines),
        _ => false,
    }
}

#[test]
fn every_step_of_the_guide_does_what_it_says() {
    let text = page("README.md");
    let blocks = blocks(&text);
    let mut world = World {
        dir: tempfile::tempdir().unwrap(),
        exports: BTreeMap::new(),
    };
    let mut answer: Option<(usize, String)> = None;
    let (mut run, mut compared) = (0, 0);
    for block in &blocks {
        match block.info.as_str() {
            "sh" => {
                let (who, ends) = heading(block);
                let (code, output) = world.run(who, &block.text);
                assert_eq!(code, ends, "README.md line {}:\n{}\n{output}", block.line, block.text);
                answer = Some((block.line, output));
                run += 1;
            }
            "text" => {
                let (line, output) = answer
                    .take()
                    .unwrap_or_else(|| panic!("line {}: an answer to what?", block.line));
                let stated: Vec<&str> = block.text.lines().collect();
                let lines: Vec<&str> = output.lines().collect();
                assert!(
                    lines_are(&stated, &lines),
                    "README.md line {line} answered\n{output}\nand line {} states\n{}",
                    block.line,
                    block.text
                );
                compared += 1;
            }
            other => panic!("README.md line {}: a block of {other:?}", block.line),
        }
    }
    assert!(
        run > 25 && compared > 18,
        "{run} blocks were run, {compared} answers compared"
    );
}

#[test]
fn an_ellipsis_is_anything_and_nothing_else_is() {
    assert!(line_is("signed by SHA256:… (…)", "signed by SHA256:abc (trusted)"));
    assert!(!line_is("signed by SHA256:…", "is signed by SHA256:abc"));
    assert!(!line_is("took back 1 grant", "took back 1 grants"));
    assert!(!line_is("…, 0 grants", "x, 0 grants, y"));
    assert!(lines_are(&["…", "b", "…"], &["a", "b"]));
    assert!(!lines_are(&["…", "b"], &["a", "b", "c"]));
    assert!(!lines_are(&["a"], &["a", "b"]));
}

#[test]
fn the_guide_lists_every_exit_code_capability_and_problem() {
    let readme = page("README.md");
    for code in 0..=9 {
        assert!(readme.contains(&format!("\n| {code} |")), "exit code {code}");
    }
    let manifest = page("manifest.md");
    for capability in chancery_policy::Capability::ALL {
        assert!(manifest.contains(&format!("\n| `{capability}` |")), "{capability}");
        let member = capability.dimension().member();
        assert!(manifest.contains(&format!("`{member}`")), "{member}");
    }
    for code in chancery_manifest::Code::ALL {
        assert!(manifest.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn the_samples_of_the_manifest_page_are_good() {
    let blocks = blocks(&page("manifest.md"));
    let samples: Vec<serde_json::Value> = blocks
        .iter()
        .map(|block| {
            assert_eq!(block.info, "json", "manifest.md line {}", block.line);
            serde_json::from_str(&block.text).unwrap()
        })
        .collect();
    let [request, tool] = samples.as_slice() else {
        panic!("a request and a tool are shown");
    };
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "id": "acme.notes",
        "version": "1.0.0",
        "name": "Notes",
        "requiredCapabilities": [request],
        "tools": [tool],
    });
    let options = chancery_manifest::Options {
        require_constraints: true,
        ..chancery_manifest::Options::default()
    };
    let manifest = chancery_manifest::Manifest::parse(manifest.to_string().as_bytes(), &options).unwrap();
    let exposed = manifest.tools()[0].exposed_name(manifest.id());
    assert!(page("manifest.md").contains(&format!("`{exposed}`")), "{exposed}");
}
