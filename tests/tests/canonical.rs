//! Canonical texts beside another program's, on random documents: the original's form beside Node's own `JSON.stringify`
//! with a list of names, which is what the original calls, and JCS beside npm's `canonicalize`.
//!
//! `CHANCERY_DIFFERENTIAL_DOCS` says on how many (2,000).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use chancery_manifest::{
    Limits,
    json::{self, Value},
    legacy::{self, Document},
};
use chancery_tests::skip;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// The release that made the vectors of the specification.
const CANONICALIZE: &str = "canonicalize@4.0.0";

/// Reads a document a line; writes two lines for each.
const SCRIPT: &str = r"
import canonicalize from 'canonicalize';
import fs from 'node:fs';
const out = [];
for (const line of fs.readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (line === '') continue;
  const { signature, ...rest } = JSON.parse(line);
  out.push(JSON.stringify(rest, Object.keys(rest).sort()));
  try { out.push(canonicalize(rest)); } catch { out.push('none'); }
}
fs.writeFileSync(process.argv[3], out.join('\n') + '\n');
";

/// A document, and whether it has a flaw that the strict reader refuses and the original does not.
struct Sample {
    text: String,
    flawed: bool,
}

struct Generator {
    rng: ChaCha8Rng,
    /// Whether this document may have flaws.
    flaws: bool,
    flawed: bool,
}

/// Names that meet: those of manifests, those that numbers and astral characters sort differently, and those that other
/// readers stumble over.
const NAMES: [&str; 34] = [
    "capability",
    "constraints",
    "paths",
    "hosts",
    "reason",
    "parameters",
    "type",
    "properties",
    "required",
    "description",
    "tools",
    "requiredCapabilities",
    "publicKey",
    "signature",
    "a",
    "b",
    "A",
    "_",
    "",
    " ",
    "0",
    "1",
    "2",
    "10",
    "01",
    "-1",
    "1e3",
    "\u{e9}",
    "e\u{301}",
    "\u{fb33}",
    "\u{1f600}",
    "\u{10ffff}",
    "toString",
    "hasOwnProperty",
];

impl Generator {
    fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// As `one_in`, where flaws are allowed; and remembers it.
    fn flaw(&mut self, n: u64) -> bool {
        let flaw = self.flaws && self.one_in(n);
        self.flawed |= flaw;
        flaw
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).unwrap()]
    }

    fn document(mut self) -> Sample {
        let mut members = vec![
            "\"id\":\"a\"".to_owned(),
            "\"version\":\"1.0.0\"".to_owned(),
            "\"name\":\"n\"".to_owned(),
        ];
        members.extend(self.members(4, vec!["id".to_owned(), "version".to_owned(), "name".to_owned()]));
        for at in (1..members.len()).rev() {
            let other = usize::try_from(self.below(at as u64 + 1)).unwrap();
            members.swap(at, other);
        }
        Sample {
            text: format!("{{{}}}", members.join(",")),
            flawed: self.flawed,
        }
    }

    fn members(&mut self, depth: u64, mut names: Vec<String>) -> Vec<String> {
        let mut members = Vec::new();
        for _ in 0..self.below(8) {
            let name = if self.flaw(400) {
                self.pick(&["constructor", "prototype"]).to_owned()
            } else if self.one_in(6) {
                let text: String = (0..self.below(3)).map(|_| self.character()).collect();
                text
            } else {
                self.pick(&NAMES).to_owned()
            };
            // a name that means more than a name: the original's text for it is not worth having (spec 4.6)
            if name == "__proto__" || names.contains(&name) && !self.flaw(40) {
                continue;
            }
            let spelling = self.spell(&name);
            names.push(name);
            members.push(format!("{spelling}{}:{}", self.white(), self.value(depth)));
        }
        members
    }

    fn value(&mut self, depth: u64) -> String {
        let kinds = if depth == 0 { 6 } else { 10 };
        let value = match self.below(kinds) {
            0 => "null".to_owned(),
            1 => self.pick(&["true", "false"]).to_owned(),
            2 | 3 => self.number(),
            4 | 5 => {
                let text: String = (0..self.below(8)).map(|_| self.character()).collect();
                self.spell(&text)
            }
            6 | 7 => {
                let items: Vec<_> = (0..self.below(4)).map(|_| self.value(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => format!("{{{}}}", self.members(depth - 1, Vec::new()).join(",")),
        };
        format!("{}{value}{}", self.white(), self.white())
    }

    fn white(&mut self) -> &'static str {
        self.pick(&["", "", "", "", " ", "\t", "  "])
    }

    fn number(&mut self) -> String {
        match self.below(8) {
            0 => self
                .pick(&[
                    "0",
                    "-0",
                    "0.0",
                    "-0e5",
                    "1.0",
                    "10e-1",
                    "5e-324",
                    "2e-324",
                    "1.7976931348623157e308",
                ])
                .to_owned(),
            1 => self
                .pick(&[
                    "1e21",
                    "1e20",
                    "123456789012345680000",
                    "9007199254740993",
                    "1e-6",
                    "1e-7",
                    "0.1",
                    "1E+2",
                ])
                .to_owned(),
            2 if self.flaw(20) => self.pick(&["1e999", "-1e400"]).to_owned(),
            2 | 3 => (self.rng.next_u64() >> self.below(64)).to_string(),
            4 => format!("-{}.{}", self.below(1000), self.below(1_000_000)),
            5 => format!("{}e{}{}", self.below(100), self.pick(&["", "+", "-"]), self.below(300)),
            _ => loop {
                let number = f64::from_bits(self.rng.next_u64());
                if number.is_finite() {
                    break format!("{number:e}");
                }
            },
        }
    }

    fn character(&mut self) -> char {
        match self.below(8) {
            0 => char::from(u8::try_from(self.below(0x20)).unwrap()),
            1 => *[
                '"', '\\', '/', '\u{7f}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{fffd}', '\u{ffff}', '\u{d7ff}',
                '\u{e000}',
            ]
            .get(usize::try_from(self.below(11)).unwrap())
            .unwrap(),
            2 => char::from_u32(0x1_0000 + u32::try_from(self.below(0x10_0000)).unwrap()).unwrap(),
            3 => char::from_u32(u32::try_from(0x80 + self.below(0xd000)).unwrap()).unwrap(),
            _ => char::from(u8::try_from(b' ' as u64 + self.below(0x5f)).unwrap()),
        }
    }

    /// A spelling of `text` as a JSON string.
    fn spell(&mut self, text: &str) -> String {
        let mut out = "\"".to_owned();
        for c in text.chars() {
            if self.flaw(200) {
                out.push_str(self.pick(&["\\ud800", "\\udfff", "\\uDABCx", "\\ude00\\ud83d"]));
            }
            let must = c < ' ' || matches!(c, '"' | '\\');
            match c {
                '\n' if self.one_in(2) => out.push_str("\\n"),
                '"' | '\\' | '/' if self.one_in(2) => {
                    out.push('\\');
                    out.push(c);
                }
                _ if must || self.one_in(6) => {
                    let upper = self.one_in(2);
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let written = if upper {
                            write!(out, "\\u{unit:04X}")
                        } else {
                            write!(out, "\\u{unit:04x}")
                        };
                        written.unwrap();
                    }
                }
                _ => out.push(c),
            }
        }
        out.push('"');
        out
    }
}

fn sample(seed: u64) -> Sample {
    let generator = Generator {
        rng: ChaCha8Rng::seed_from_u64(seed),
        flaws: seed.is_multiple_of(4),
        flawed: false,
    };
    generator.document()
}

/// Installs the other program into `dir`; what is missing, where it cannot be.
fn install(dir: &Path) -> Result<(), String> {
    for program in ["node", "npm"] {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        if !version.is_ok_and(|status| status.success()) {
            return Err(program.to_owned());
        }
    }
    let npm = Command::new("npm")
        .args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=0",
            "--fetch-timeout=20000",
            CANONICALIZE,
        ])
        .current_dir(dir)
        .output()
        .expect("npm runs");
    if npm.status.success() {
        Ok(())
    } else {
        Err(format!("{CANONICALIZE} from the npm registry"))
    }
}

#[test]
fn canonical_texts_are_those_of_node_and_npm() {
    let dir = tempfile::tempdir().unwrap();
    if let Err(missing) = install(dir.path()) {
        skip!("{missing}");
    }
    let count = std::env::var("CHANCERY_DIFFERENTIAL_DOCS").map_or(2_000, |count| count.parse().unwrap());
    let samples: Vec<_> = (0..count).map(sample).collect();
    let mut input = String::new();
    samples
        .iter()
        .for_each(|sample| writeln!(input, "{}", sample.text).unwrap());
    let [documents, script, results] = ["documents", "script.mjs", "results"].map(|name| dir.path().join(name));
    std::fs::write(&documents, input).unwrap();
    std::fs::write(&script, SCRIPT).unwrap();
    let node = Command::new("node")
        .arg(&script)
        .arg(&documents)
        .arg(&results)
        .output()
        .unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    let results = std::fs::read_to_string(results).unwrap();
    let mut lines = results.split('\n');

    let (mut flawed, mut covered) = (0, 0);
    for (seed, sample) in samples.iter().enumerate() {
        let (stringified, canonicalized) = (lines.next().unwrap(), lines.next().unwrap());
        let document = Document::load(sample.text.as_bytes()).unwrap();
        let canonical = legacy::canonical(document.value());
        assert_eq!(
            canonical, stringified,
            "the original's form, seed {seed}: {}",
            sample.text
        );

        let strict = json::read(sample.text.as_bytes(), &Limits::default());
        assert_eq!(strict.is_err(), sample.flawed, "seed {seed}: {}", sample.text);
        let Ok(value) = strict else {
            flawed += 1;
            continue;
        };
        let rest = Value::Object(value.as_object().unwrap().without(&["signature"]));
        assert_eq!(
            json::jcs(&rest).unwrap(),
            canonicalized,
            "JCS, seed {seed}: {}",
            sample.text
        );
        // a signature covers a document exactly where both forms are the same
        let covers = legacy::uncovered(&value).is_none();
        assert_eq!(
            covers,
            stringified == canonicalized,
            "coverage, seed {seed}: {}",
            sample.text
        );
        covered += usize::from(covers);
    }
    assert_eq!(lines.next(), Some(""));
    let (clean, tenth) = (samples.len() - flawed, samples.len() / 10);
    assert!(
        flawed > tenth / 2 && covered > tenth && clean - covered > tenth,
        "{flawed} {covered} of {count}"
    );
}
