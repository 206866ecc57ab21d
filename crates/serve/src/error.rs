//! Why a server does not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use chancery_base::{Category, ErrorCode};

/// A server that could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Plain HTTP was asked for on an address that others can reach.
    #[error("refusing plain HTTP on {listen}, which is not a loopback address")]
    PlainHttpOffLoopback {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// Somebody else listens there.
    #[error("{listen} is taken{}", describe(holder.as_ref()))]
    AddressInUse {
        /// The address asked for.
        listen: SocketAddr,
        /// Who has it, when that can be seen.
        holder: Option<PortHolder>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Bind {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate or key cannot be read.
    #[error("cannot read {}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate or key is not what it should be.
    #[error("{} holds no usable {expected}", path.display())]
    TlsContent {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// Certificate and key do not make a TLS identity together.
    #[error("the TLS certificate and key do not fit")]
    Tls(#[source] rustls::Error),
    /// Signals cannot be watched.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
}

/// A process that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Its id.
    pub pid: u32,
    /// The name of its program; arguments are left out, because they can hold secrets.
    pub command: String,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.command, self.pid)
    }
}

fn describe(holder: Option<&PortHolder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

impl ErrorCode for ServeError {
    fn code(&self) -> &'static str {
        match self {
            Self::PlainHttpOffLoopback { .. } => "SERVE_PLAIN_HTTP_OFF_LOOPBACK",
            Self::AddressInUse { .. } => "SERVE_ADDRESS_IN_USE",
            Self::Bind { .. } => "SERVE_BIND_FAILED",
            Self::TlsFile { .. } => "SERVE_TLS_FILE_UNREADABLE",
            Self::TlsContent { .. } => "SERVE_TLS_FILE_INVALID",
            Self::Tls(_) => "SERVE_TLS_INVALID",
            Self::Signals(_) => "SERVE_SIGNALS_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::PlainHttpOffLoopback { .. } | Self::TlsFile { .. } | Self::TlsContent { .. } | Self::Tls(_) => {
                Category::Input
            }
            Self::AddressInUse { .. } => Category::Conflict,
            Self::Bind { .. } | Self::Signals(_) => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PlainHttpOffLoopback { .. } => {
                Some("give --tls-cert and --tls-key, or --insecure when something in front of it does TLS")
            }
            Self::AddressInUse { .. } => Some("stop the other process, or choose another port with --listen"),
            Self::TlsContent { .. } => Some("both files are PEM: a certificate chain, and its private key"),
            _ => None,
        }
    }
}
