//! Why there is no admin socket.

use std::{io, path::PathBuf};

use chancery_base::{Category, ErrorCode};

/// Why there is no admin socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Somebody answers there: another daemon runs.
    #[error("another daemon answers on {}", .0.display())]
    Taken(PathBuf),
    /// Others may put files into its folder, or take ours away.
    #[error("the folder {} is not ours alone: {why}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something else is in its place.
    #[error("{} is there and is no socket of ours", .0.display())]
    Occupied(PathBuf),
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ErrorCode for SocketError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken(_) => "ADMIN_SOCKET_TAKEN",
            Self::Folder { .. } => "ADMIN_SOCKET_FOLDER",
            Self::Occupied(_) => "ADMIN_SOCKET_OCCUPIED",
            Self::Io { .. } => "ADMIN_SOCKET_IO",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Taken(_) | Self::Occupied(_) => Category::Conflict,
            Self::Folder { .. } => Category::Forbidden,
            Self::Io { .. } => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Taken(_) => Some("xs daemon stop"),
            Self::Folder { .. } => Some("chmod 700 it, or name another place in XMTP_SIGNET_ADMIN_SOCKET"),
            Self::Occupied(_) => Some("move it, or name another place in XMTP_SIGNET_ADMIN_SOCKET"),
            Self::Io { .. } => None,
        }
    }
}
