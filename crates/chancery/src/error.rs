//! The codes of this command; those of the parts that it runs are their own.

use std::{io, path::PathBuf};

use chancery_base::{Category, ErrorCode};

/// Why a command does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a data directory nor a home.
    #[error("there is no place for the data: neither --data-dir, XDG_DATA_HOME nor HOME is set")]
    DataDirUnknown,
    /// The data directory is open to other users of this machine, and may be more than a data directory.
    #[error("{} has mode {mode:03o}, so other users of this machine can look into it", path.display())]
    DataDirOpen {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A variable that is set, and that nobody can read; going on without it would be another configuration.
    #[error("the variable {name} is not UTF-8 text")]
    VariableNotText {
        /// The variable.
        name: String,
    },
    /// A file of the data directory is not what it should be.
    #[error("{} is not valid: {reason}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What is wrong; never its content.
        reason: String,
    },
    /// The relay cannot ask its registry anything.
    #[error("no credentials to call the registry at {registry} with")]
    ServiceCredentialsMissing {
        /// The registry.
        registry: String,
    },
    /// The credentials are no credentials.
    #[error("the service credentials {from} are not valid: {reason}")]
    ServiceCredentialsInvalid {
        /// Where they were found.
        from: String,
        /// What is wrong; never the secret.
        reason: String,
    },
    /// The address to listen on is none that clients could use.
    #[error("clients cannot be told to come to {listen}")]
    OriginRequired {
        /// The address.
        listen: std::net::SocketAddr,
        /// The option that says where clients come to.
        option: &'static str,
    },
    /// No registry was named.
    #[error("which registry?")]
    RegistryRequired,
    /// The runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// Stdin is gone.
    #[error("cannot read stdin")]
    Input(#[source] io::Error),
    /// Stdout is gone.
    #[error("cannot write to stdout")]
    Output(#[source] io::Error),
    /// A step of the demo failed; the step said why.
    #[error("{failed} of {all} steps failed")]
    Demo {
        /// Steps that failed or could not be tried.
        failed: usize,
        /// All steps.
        all: usize,
    },
}

impl Error {
    /// All codes of this enum.
    pub const CODES: &'static [&'static str] = &[
        "DATA_DIR_UNKNOWN",
        "DATA_DIR_NOT_PRIVATE",
        "VARIABLE_NOT_TEXT",
        "DATA_DIR_FILE_INVALID",
        "PROXY_SERVICE_CREDENTIALS_MISSING",
        "PROXY_SERVICE_CREDENTIALS_INVALID",
        "PUBLIC_ORIGIN_REQUIRED",
        "PROXY_REGISTRY_URL_REQUIRED",
        "RUNTIME_FAILED",
        "INPUT_FAILED",
        "OUTPUT_FAILED",
        "DEMO_FAILED",
    ];
}

impl ErrorCode for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::DataDirUnknown => "DATA_DIR_UNKNOWN",
            Self::DataDirOpen { .. } => "DATA_DIR_NOT_PRIVATE",
            Self::VariableNotText { .. } => "VARIABLE_NOT_TEXT",
            Self::SecretFile { .. } => "DATA_DIR_FILE_INVALID",
            Self::ServiceCredentialsMissing { .. } => "PROXY_SERVICE_CREDENTIALS_MISSING",
            Self::ServiceCredentialsInvalid { .. } => "PROXY_SERVICE_CREDENTIALS_INVALID",
            Self::OriginRequired { .. } => "PUBLIC_ORIGIN_REQUIRED",
            Self::RegistryRequired => "PROXY_REGISTRY_URL_REQUIRED",
            Self::Runtime(_) => "RUNTIME_FAILED",
            Self::Input(_) => "INPUT_FAILED",
            Self::Output(_) => "OUTPUT_FAILED",
            Self::Demo { .. } => "DEMO_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::DataDirUnknown
            | Self::DataDirOpen { .. }
            | Self::VariableNotText { .. }
            | Self::SecretFile { .. }
            | Self::ServiceCredentialsMissing { .. }
            | Self::ServiceCredentialsInvalid { .. }
            | Self::OriginRequired { .. }
            | Self::RegistryRequired => Category::Input,
            Self::Runtime(_) | Self::Input(_) | Self::Output(_) | Self::Demo { .. } => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::DataDirUnknown => "give --data-dir",
            Self::DataDirOpen { .. } => "chmod 700 it when it is for Chancery alone, or give another --data-dir",
            Self::VariableNotText { .. } => "set it anew, or unset it",
            Self::SecretFile { .. } => "restore the file, or remove it to have a new one made",
            Self::ServiceCredentialsMissing { .. } => {
                "give --service-credentials FILE (the registry writes internal-service.json into its data directory), or \
                 set BOOTSTRAP_INTERNAL_SERVICE_ID and BOOTSTRAP_INTERNAL_SERVICE_SECRET"
            }
            Self::ServiceCredentialsInvalid { .. } => {
                "an id, and a secret that starts with clw_srv_: {\"id\":\"…\",\"secret\":\"clw_srv_…\"}"
            }
            Self::OriginRequired { option, .. } => option,
            Self::RegistryRequired => "give --registry-url, or set REGISTRY_URL",
            Self::Runtime(_) | Self::Input(_) | Self::Output(_) | Self::Demo { .. } => return None,
        })
    }
}
