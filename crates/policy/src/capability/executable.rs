//! Programs: granted by path or by bare name, and once granted bound to the file that was found.

use std::{fmt, str::FromStr};

use super::{GrantPath, ValueError};

/// Programs that run whatever they are told to: a grant for one is a grant for any program (safeclaw spec 5.5).
const INTERPRETERS: [&str; 45] = [
    "ash",
    "awk",
    "bash",
    "bun",
    "busybox",
    "cmd",
    "csh",
    "dash",
    "deno",
    "env",
    "expect",
    "find",
    "fish",
    "gawk",
    "java",
    "ksh",
    "lua",
    "luajit",
    "make",
    "mawk",
    "nice",
    "node",
    "nodejs",
    "nohup",
    "parallel",
    "perl",
    "php",
    "powershell",
    "pwsh",
    "python",
    "rbash",
    "ruby",
    "sed",
    "setsid",
    "sh",
    "ssh",
    "stdbuf",
    "sudo",
    "tclsh",
    "timeout",
    "tsx",
    "vim",
    "wish",
    "xargs",
    "zsh",
];

/// A granted program.
///
/// A manifest asks by bare name or absolute path. When it is granted, the name is resolved over a fixed search path and the
/// grant is [pinned](Self::pinned) to the file: path and SHA-256, both of which must then agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutablePattern {
    asked: Asked,
    pin: Option<Pin>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Asked {
    Name(String),
    Path(GrantPath),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pin {
    path: GrantPath,
    sha256: [u8; 32],
}

/// A program that is asked for: how it was named, and, once found, which file it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Executable {
    asked: Asked,
    found: Option<Pin>,
}

impl ExecutablePattern {
    /// Bound to the file that was found for it.
    ///
    /// # Errors
    /// [`ValueError`] when a path was asked for and another was found.
    pub fn pinned(self, path: GrantPath, sha256: [u8; 32]) -> Result<Self, ValueError> {
        if matches!(&self.asked, Asked::Path(asked) if *asked != path) {
            return Err(ValueError("another path than the one that was asked for"));
        }
        Ok(Self {
            asked: self.asked,
            pin: Some(Pin { path, sha256 }),
        })
    }

    /// As it was asked for: a bare name or an absolute path.
    #[must_use]
    pub fn asked(&self) -> &str {
        self.asked.as_str()
    }

    /// The file that it is bound to: its path and SHA-256.
    #[must_use]
    pub fn pin(&self) -> Option<(&GrantPath, &[u8; 32])> {
        self.pin.as_ref().map(|pin| (&pin.path, &pin.sha256))
    }

    /// Whether it was asked for by bare name.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        matches!(self.asked, Asked::Name(_))
    }

    /// Whether the program runs what it is told to, so that only a sandbox limits it. By name: another program under
    /// another name may, too.
    #[must_use]
    pub fn is_interpreter(&self) -> bool {
        is_interpreter(self.asked.base_name())
            || self
                .pin
                .as_ref()
                .is_some_and(|pin| is_interpreter(base_name(pin.path.as_str())))
    }

    /// Whether `program` is this one: asked for in the same way, and, where this is pinned, found as the same file.
    #[must_use]
    pub fn covers(&self, program: &Executable) -> bool {
        self.asked == program.asked && (self.pin.is_none() || self.pin == program.found)
    }

    /// Whether everything that this covers is covered by `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.asked == other.asked && (other.pin.is_none() || self.pin == other.pin)
    }
}

impl FromStr for ExecutablePattern {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Ok(Self {
            asked: text.parse()?,
            pin: None,
        })
    }
}

impl fmt::Display for ExecutablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.asked())
    }
}

impl Executable {
    /// As it was asked for: a bare name or an absolute path.
    #[must_use]
    pub fn asked(&self) -> &str {
        self.asked.as_str()
    }

    /// With the file that was found and opened for it.
    #[must_use]
    pub fn found(self, path: GrantPath, sha256: [u8; 32]) -> Self {
        Self {
            asked: self.asked,
            found: Some(Pin { path, sha256 }),
        }
    }
}

impl FromStr for Executable {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Ok(Self {
            asked: text.parse()?,
            found: None,
        })
    }
}

impl fmt::Display for Executable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.asked())
    }
}

impl Asked {
    fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Path(path) => path.as_str(),
        }
    }

    fn base_name(&self) -> &str {
        base_name(self.as_str())
    }
}

impl FromStr for Asked {
    type Err = ValueError;

    /// An absolute path in its one spelling, or a name of 1 to 255 bytes without slash, white space and control characters.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.starts_with('/') {
            let path: GrantPath = text.parse()?;
            if path.as_str() == text && text != "/" {
                Ok(Self::Path(path))
            } else {
                Err(ValueError("not the one spelling of a program's path"))
            }
        } else if text.is_empty() || matches!(text, "." | "..") {
            Err(ValueError("an empty executable"))
        } else if text.contains('/') {
            Err(ValueError("neither an absolute path nor a bare name"))
        } else if text.len() > 255
            || text
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '*' | '?'))
        {
            Err(ValueError(
                "an executable with white space, a control character or a wildcard, or of more than 255 bytes",
            ))
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `python3.12`, `node-20` and `bash.exe` are what they are called without it.
fn is_interpreter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    INTERPRETERS.contains(&name)
}
