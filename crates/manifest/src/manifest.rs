//! A manifest, strictly read (safeclaw spec 2.4, 3.2, 15.1).

pub(crate) mod bundle;
mod markers;
mod request;
mod schema;
mod tool;

use chancery_base::{Millis, digest};
use semver::Version;

pub use bundle::{Entrypoint, EntrypointKind, FileEntry};
pub use request::CapabilityRequest;
pub use schema::{ArgumentProblem, ParameterSchema};
pub use tool::{Annotations, Effect, Tool};

use crate::{
    code::Code,
    form::{Form, Need},
    hex,
    id::SkillId,
    json::{self, At, Limits, Object, Value},
    problem::{Problem, Problems},
    signed::{SignedDocument, read_payload},
};

/// Members of both versions.
const MEMBERS: [&str; 8] = [
    "id",
    "version",
    "name",
    "description",
    "signature",
    "publicKey",
    "requiredCapabilities",
    "tools",
];

/// Members that only version 2 has, beside `schemaVersion`.
const MEMBERS_2: [&str; 5] = ["entrypoint", "files", "minHostVersion", "expires", "publisher"];

/// What the signature does not cover, because it is the signature.
const UNSIGNED: [&str; 2] = ["signature", "signatures"];

const MAX_REQUESTS: usize = 64;
/// In all requests together: each is shown to the owner, and compared with those of other versions and skills.
const MAX_PATTERNS: usize = 1024;
const MAX_TOOLS: usize = 128;
const MAX_NAME: usize = 128;
/// SemVer has no limit; what is shown in a line and kept in every record has.
const MAX_VERSION: usize = 128;
/// As `SKILL.md` has it.
const MAX_DESCRIPTION: usize = 1024;

/// What is refused beyond what always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Refuse requests without constraints, which else are a warning.
    pub require_constraints: bool,
    /// Take tools called like builtin ones: it is the manifest of the builtin tools.
    pub builtin: bool,
}

/// Version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaVersion {
    /// The original's: no `schemaVersion`.
    One,
    /// `"schemaVersion": 2`.
    Two,
}

/// A manifest in which everything is what it should be. Who wrote it is another question:
/// [`Verified`](crate::Verified).
#[derive(Debug, Clone)]
pub struct Manifest {
    document: Value,
    schema_version: SchemaVersion,
    id: SkillId,
    version: Version,
    name: String,
    description: Option<String>,
    public_key: Option<[u8; 32]>,
    legacy_signature: Option<[u8; 64]>,
    requests: Vec<CapabilityRequest>,
    tools: Vec<Tool>,
    entrypoint: Option<Entrypoint>,
    files: Vec<FileEntry>,
    min_host_version: Option<Version>,
    expires: Option<Millis>,
    publisher: Option<String>,
    pub(crate) warnings: Vec<Problem>,
}

impl Manifest {
    /// Reads a manifest of either version.
    ///
    /// # Errors
    /// Every problem, each with code and JSON pointer. Warnings among them do not refuse by themselves; those of a manifest
    /// that is taken are its [`warnings`](Self::warnings).
    pub fn parse(bytes: &[u8], options: &Options) -> Result<Self, Problems> {
        Self::of_document(json::read(bytes, &Limits::default())?, options)
    }

    fn of_document(document: Value, options: &Options) -> Result<Self, Problems> {
        let Value::Object(object) = &document else {
            let problem = Problem::error(Code::NotObject, &At::ROOT, "Manifest must be a JSON object");
            return Err(Problems::one(problem));
        };
        let mut form = Form::default();
        let read = read(object, options, &mut form);
        match (form.finish(), read) {
            (Ok(warnings), Some(manifest)) => Ok(Self {
                document,
                warnings,
                ..manifest
            }),
            (Err(problems), _) => Err(problems),
            (Ok(_), None) => Err(Problems::unread()),
        }
    }

    /// Version of the format.
    #[must_use]
    pub fn schema_version(&self) -> SchemaVersion {
        self.schema_version
    }

    /// Id of the skill.
    #[must_use]
    pub fn id(&self) -> &SkillId {
        &self.id
    }

    /// Version of the skill.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the skill does.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The key that the manifest brings along: 32 bytes that may be no key. Nothing makes it trusted.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8; 32]> {
        self.public_key.as_ref()
    }

    /// The signature inside, by the original's scheme. See [`legacy::verdict`](crate::legacy::verdict).
    #[must_use]
    pub fn legacy_signature(&self) -> Option<&[u8; 64]> {
        self.legacy_signature.as_ref()
    }

    /// What the skill asks for, at most 64.
    #[must_use]
    pub fn requests(&self) -> &[CapabilityRequest] {
        &self.requests
    }

    /// Its tools, at most 128, no two of one name.
    #[must_use]
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool of this name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name() == name)
    }

    /// The program that runs the tools.
    #[must_use]
    pub fn entrypoint(&self) -> Option<&Entrypoint> {
        self.entrypoint.as_ref()
    }

    /// The files that belong to the skill beside the manifest.
    #[must_use]
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The oldest SafeClaw that can run it.
    #[must_use]
    pub fn min_host_version(&self) -> Option<&Version> {
        self.min_host_version.as_ref()
    }

    /// After which it is not to be installed any more.
    #[must_use]
    pub fn expires(&self) -> Option<Millis> {
        self.expires
    }

    /// Who says that they publish it.
    #[must_use]
    pub fn publisher(&self) -> Option<&str> {
        self.publisher.as_deref()
    }

    /// The document as it was read.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// SHA-256 of the bytes that scheme 2 signs: the manifest's name in stores, pins and revocations.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest::sha256(self.payload())
    }

    /// What somebody should know although it refused nothing.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

impl SignedDocument for Manifest {
    const PAYLOAD_TYPE: &'static str = "application/vnd.safeclaw.skill-manifest.v2+json";

    /// The JCS form of the whole document without `signature`.
    fn payload(&self) -> String {
        let signed = self
            .document
            .as_object()
            .map(|object| Value::Object(object.without(&UNSIGNED)));
        // a manifest was strictly read, so it has the form
        signed.as_ref().and_then(json::jcs).unwrap_or_default()
    }

    fn read(payload: &[u8]) -> Result<Self, Problems> {
        let document = read_payload(payload)?;
        let mut form = Form::default();
        for name in UNSIGNED {
            if document.as_object().is_some_and(|object| object.get(name).is_some()) {
                form.error(
                    Code::Unknown,
                    &At::ROOT.member(name),
                    "a signature inside of what is signed",
                );
            }
        }
        form.finish()?;
        Self::of_document(document, &Options::default())
    }
}

/// The manifest without its document and warnings; `None` when a problem was noted that leaves no manifest.
fn read(object: &Object, options: &Options, form: &mut Form) -> Option<Manifest> {
    let at = &At::ROOT;
    let schema_version = schema_version(object, form);
    unknown(object, schema_version, form);

    let id = required(object, "id", form).and_then(|text| {
        let id = text.parse::<SkillId>();
        id.map_err(|error| form.error(Code::Id, &at.member("id"), &error.to_string()))
            .ok()
    });
    let version = required(object, "version", form).and_then(|text| semver(text, &at.member("version"), form));
    let name = required(object, "name", form)
        .and_then(|text| form.check_shown(text, &at.member("name"), (Code::Name, MAX_NAME)));
    let description = form.string(object, at, "description", Need::Optional).and_then(|text| {
        let limit = (Code::Description, MAX_DESCRIPTION);
        if text.is_empty() {
            Some(text)
        } else {
            form.check_shown(text, &at.member("description"), limit)
        }
    });

    let public_key = form.string(object, at, "publicKey", Need::Optional).and_then(|text| {
        let key = hex::decode(text);
        if key.is_none() {
            form.error(Code::KeyEnc, &at.member("publicKey"), "a public key has 64 hex digits");
        }
        key
    });
    let legacy_signature = form.string(object, at, "signature", Need::Optional).and_then(|text| {
        let signature = hex::decode(text);
        if signature.is_none() {
            form.error(Code::SigEnc, &at.member("signature"), "a signature has 128 hex digits");
        }
        signature
    });

    let requests = request::read_all(object, options, form);
    let tools = tool::read_all(object, &requests, schema_version, options, form);
    let requests = requests.into_iter().flatten().collect();

    let files = bundle::files(object, form);
    let entrypoint = bundle::entrypoint(object, &files, form);
    let min_host_version = form
        .string(object, at, "minHostVersion", Need::Optional)
        .and_then(|text| semver(text, &at.member("minHostVersion"), form));
    let expires = time(object, at, "expires", Need::Optional, form);
    let publisher = form.shown(object, at, "publisher", (Code::Name, MAX_NAME));

    Some(Manifest {
        document: Value::Null,
        schema_version: schema_version?,
        id: id?,
        version: version?,
        name: name?.to_owned(),
        description: description.map(str::to_owned),
        public_key,
        legacy_signature,
        requests,
        tools,
        entrypoint,
        files,
        min_host_version,
        expires,
        publisher: publisher.map(str::to_owned),
        warnings: Vec::new(),
    })
}

fn schema_version(object: &Object, form: &mut Form) -> Option<SchemaVersion> {
    match object.get("schemaVersion").map(Value::as_u53) {
        None => Some(SchemaVersion::One),
        Some(Some(2)) => Some(SchemaVersion::Two),
        Some(_) => {
            let message = "must be 2, or absent for the original's format";
            form.error(Code::SchemaVersion, &At::ROOT.member("schemaVersion"), message);
            None
        }
    }
}

fn unknown(object: &Object, version: Option<SchemaVersion>, form: &mut Form) {
    for (name, value) in object.iter() {
        let name = name.as_str().unwrap_or_default();
        let of_2 = name == "schemaVersion" || MEMBERS_2.contains(&name);
        let message = match version {
            _ if MEMBERS.contains(&name) => continue,
            None | Some(SchemaVersion::Two) if of_2 => continue,
            _ if *value == Value::Null && markers::is_marker(name, object) => continue,
            Some(SchemaVersion::One) if of_2 => "a member of version 2; say \"schemaVersion\": 2",
            _ => "a member that nobody knows",
        };
        form.error(Code::Unknown, &At::ROOT.member(name), message);
    }
}

/// A member that must be there, by the original's rule: an empty string is none.
fn required<'v>(object: &'v Object, name: &str, form: &mut Form) -> Option<&'v str> {
    let text = form.string(object, &At::ROOT, name, Need::Required)?;
    if text.is_empty() {
        form.missing(&At::ROOT, name);
        return None;
    }
    Some(text)
}

fn semver(text: &str, at: &At<'_>, form: &mut Form) -> Option<Version> {
    if text.len() > MAX_VERSION {
        form.error(Code::SemVer, at, &format!("more than {MAX_VERSION} characters"));
        return None;
    }
    let version = text.parse();
    version
        .map_err(|error: semver::Error| form.error(Code::SemVer, at, &format!("not SemVer 2.0.0: {error}")))
        .ok()
}

/// A time in UTC, as RFC 3339 writes it.
pub(crate) fn time(object: &Object, at: &At<'_>, name: &str, need: Need, form: &mut Form) -> Option<Millis> {
    let text = form.string(object, at, name, need)?;
    let time = Millis::parse_rfc3339(text).filter(|_| text.ends_with('Z'));
    if time.is_none() {
        form.error(Code::Value, &at.member(name), "not a time as 2027-01-31T00:00:00Z");
    }
    time
}
