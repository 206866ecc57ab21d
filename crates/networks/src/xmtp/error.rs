//! What the client's failures are to the signet.

use chancery_signet::network::NetworkError;
use chancery_xmtp_client::{client::ClientError, network::NodeError, storage::StorageError};

/// The signet's error for one of the client.
pub(super) fn network_error(error: ClientError) -> NetworkError {
    let said = error.to_string();
    match error {
        // a full disk may be emptied, but not by asking the network again
        ClientError::Storage(_) => NetworkError::Local(said),
        error if error.is_retryable() => NetworkError::Unreachable(said),
        ClientError::NoInbox(_) | ClientError::NoConversation | ClientError::NoSuchMember(_) => {
            NetworkError::NotFound(said)
        }
        ClientError::NotAMember
        | ClientError::Refused(_)
        | ClientError::SuperAdminLeaves
        | ClientError::WrongKind
        | ClientError::Paused(_) => NetworkError::Forbidden(said),
        ClientError::Part(_)
        | ClientError::Content(_)
        | ClientError::Parse(_)
        | ClientError::Node(NodeError::Refused(_)) => NetworkError::Invalid(said),
        _ => NetworkError::Local(said),
    }
}

/// The signet's error for one of the node.
pub(super) fn node_error(error: NodeError) -> NetworkError {
    network_error(error.into())
}

/// The signet's error for one of the file.
pub(super) fn storage_error(error: StorageError) -> NetworkError {
    network_error(error.into())
}
