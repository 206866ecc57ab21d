//! The codes of problems, so that a program can tell them apart.

use std::fmt;

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is wrong with a document (safeclaw spec 2.4 and 3.2, and ours for the members of version 2).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its text, such as `E_UTF8`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

table! {
    /// Not UTF-8, or begins with a byte order mark.
    Utf8 = "E_UTF8",
    /// Over 256 KiB, 32 levels, 64 requests with 1,024 paths, hosts, executables and names, or 128 tools.
    Size = "E_SIZE",
    /// Not JSON.
    Json = "E_JSON",
    /// A name occurs twice in one object.
    DupKey = "E_DUPKEY",
    /// An unpaired surrogate.
    Surrogate = "E_SURROGATE",
    /// A member called `__proto__`, `constructor` or `prototype`.
    Reserved = "E_RESERVED",
    /// Not an object.
    NotObject = "E_NOT_OBJECT",
    /// A member is missing.
    Missing = "E_MISSING",
    /// A value of another JSON type.
    Type = "E_TYPE",
    /// Not the id of a skill.
    Id = "E_ID",
    /// Not SemVer 2.0.0.
    SemVer = "E_SEMVER",
    /// A name that is blank, too long, or holds characters that are not seen.
    Name = "E_NAME",
    /// A description of the same kind.
    Description = "E_DESCRIPTION",
    /// Not one of the eight.
    Capability = "E_CAPABILITY",
    /// A constraint that does not belong to the capability.
    ConstraintKind = "E_CONSTRAINT_KIND",
    /// A constraint that breaks its rule, or an empty list.
    ConstraintValue = "E_CONSTRAINT_VALUE",
    /// No reason, or one that cannot be shown.
    Reason = "E_REASON",
    /// A request without constraints.
    Unconstrained = "E_UNCONSTRAINED",
    /// Not a name for a tool.
    ToolName = "E_TOOL_NAME",
    /// Two tools of one name.
    ToolDup = "E_TOOL_DUP",
    /// A tool called like a builtin one.
    ToolShadow = "E_TOOL_SHADOW",
    /// Parameters that are no JSON Schema we take.
    ToolSchema = "E_TOOL_SCHEMA",
    /// A description over 1,024 characters or with characters that are not seen.
    ToolDesc = "E_TOOL_DESC",
    /// An index of no request.
    ToolRequires = "E_TOOL_REQUIRES",
    /// An effect of no parameter, or of a capability that the tool does not require.
    ToolEffects = "E_TOOL_EFFECTS",
    /// Not 64 hex digits.
    KeyEnc = "E_KEY_ENC",
    /// Not 128 hex digits.
    SigEnc = "E_SIG_ENC",
    /// A member that nobody knows.
    Unknown = "E_UNKNOWN",
    /// A version of the format that we do not read.
    SchemaVersion = "E_SCHEMA_VERSION",
    /// Not a program among the files.
    Entrypoint = "E_ENTRYPOINT",
    /// Not a file of the bundle.
    Files = "E_FILES",
    /// Another value that breaks its rule.
    Value = "E_VALUE",
    /// `SKILL.md` without front matter that we read.
    FrontMatter = "E_FRONT_MATTER",
    /// A tool in `allowed-tools` that no capability stands for.
    AllowedTool = "E_ALLOWED_TOOL",
    /// A document signed as something else than the bytes say, or not written in its one form.
    Canonical = "E_CANONICAL",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
