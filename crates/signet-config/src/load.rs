//! From file and variables to what is in force.

use std::{collections::BTreeMap, ffi::OsStr, fmt};

use serde::{Serialize, de::IntoDeserializer as _};
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::{Config, ConfigError, Environment, Kind, Setting, settings};

/// Longest file, bytes: everything that can be set has not a tenth of it.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The file.
    File,
    /// Its variable.
    Environment,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
        })
    }
}

/// A configuration, and where each setting comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    sources: BTreeMap<&'static str, Source>,
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its place in the file.
    pub key: &'static str,
    /// Its value; `null` when there is none.
    pub value: Json,
    /// Where that comes from.
    pub source: Source,
    /// Its variable.
    pub variable: &'static str,
    /// What it is for.
    pub about: String,
}

impl Loaded {
    /// What is in force: by variable, else by `file` (its text, where there is one), else by default.
    ///
    /// # Errors
    /// [`ConfigError`] with the place in the file, or the variable.
    pub fn read(file: Option<&str>, environment: &Environment) -> Result<Self, ConfigError> {
        let settings = settings();
        let mut table = parse(file.unwrap_or_default())?;
        // the file by itself first, so that its faults are not taken for those of a variable
        settings.iter().try_for_each(|setting| in_range(&table, setting))?;
        let mut config = typed(&table)?;
        config.check()?;
        let mut sources: BTreeMap<_, _> = settings
            .iter()
            .filter(|setting| find(&table, setting.key).is_some())
            .map(|setting| (setting.key, Source::File))
            .collect();
        for setting in &settings {
            let Some(text) = environment.get(setting.variable) else {
                continue;
            };
            let refused = |reason: String| ConfigError::Variable {
                variable: setting.variable,
                reason,
            };
            put(&mut table, setting.key, read(setting.kind, text).map_err(refused)?);
            config = in_range(&table, setting)
                .and_then(|()| typed(&table))
                .map_err(|error| match error {
                    ConfigError::Setting { reason, .. } => refused(reason),
                    other => other,
                })?;
            sources.insert(setting.key, Source::Environment);
        }
        config.check()?;
        Ok(Self { config, sources })
    }

    /// Where the setting `key` comes from.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).copied().unwrap_or(Source::Default)
    }

    /// Every setting, in the order of the file.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let values = serde_json::to_value(&self.config).unwrap_or_default();
        let value = |key: &str| {
            let pointer = format!("/{}", key.replace('.', "/"));
            values.pointer(&pointer).cloned().unwrap_or_default()
        };
        settings()
            .into_iter()
            .map(|setting| Shown {
                value: value(setting.key),
                source: self.source(setting.key),
                key: setting.key,
                variable: setting.variable,
                about: setting.about,
            })
            .collect()
    }
}

fn parse(text: &str) -> Result<Table, ConfigError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(ConfigError::Long { max: MAX_FILE_BYTES });
    }
    text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        ConfigError::Syntax {
            line: before.matches('\n').count() + 1,
            reason: error.message().to_owned(),
        }
    })
}

fn typed(table: &Table) -> Result<Config, ConfigError> {
    let deserializer = Value::Table(table.clone()).into_deserializer();
    serde_path_to_error::deserialize(deserializer).map_err(|error: serde_path_to_error::Error<toml::de::Error>| {
        let key = error.path().to_string();
        ConfigError::setting(key, error.inner().message())
    })
}

fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (section, name) = key.split_once('.')?;
    table.get(section)?.as_table()?.get(name)
}

fn put(table: &mut Table, key: &str, value: Value) {
    if let Some((section, name)) = key.split_once('.') {
        let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(section) = section.as_table_mut() {
            section.insert(name.to_owned(), value);
        }
    }
}

/// A whole number that is out of its bounds. What is no whole number at all is found where types are.
fn in_range(table: &Table, setting: &Setting) -> Result<(), ConfigError> {
    let (Some(range), Some(Value::Integer(number))) = (&setting.range, find(table, setting.key)) else {
        return Ok(());
    };
    if u64::try_from(*number).is_ok_and(|number| range.contains(&number)) {
        return Ok(());
    }
    let reason = format!("expected a whole number from {} to {}", range.start(), range.end());
    Err(ConfigError::setting(setting.key, reason))
}

fn read(kind: Kind, text: &OsStr) -> Result<Value, String> {
    let text = text.to_str().ok_or("not UTF-8 text")?.trim();
    Ok(match kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Integer => Value::Integer(text.parse().map_err(|_| "expected a whole number")?),
        Kind::Number => Value::Float(text.parse().map_err(|_| "expected a number")?),
        Kind::Flag => match text {
            "true" | "1" => Value::Boolean(true),
            "false" | "0" => Value::Boolean(false),
            _ => return Err("expected true or 1, false or 0".to_owned()),
        },
        Kind::List => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
        }
    })
}
