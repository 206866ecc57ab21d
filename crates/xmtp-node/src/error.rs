//! The node's codes, and how they look as a gRPC status.

use chancery_base::{Category, ErrorCode};
use chancery_serve::ServeError;
use chancery_store::StoreError;
use tonic::{Code, Status, metadata::MetadataValue};

/// The metadata key under which a status carries its code.
pub(crate) const CODE: &str = "chancery-code";

/// Why a node does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The store failed.
    #[error("the node's store failed")]
    Store(#[from] StoreError),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The task that serves ended before its time.
    #[error("the node's server ended: {0}")]
    Ended(#[source] tokio::task::JoinError),
}

impl ErrorCode for NodeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Serve(error) => error.code(),
            Self::Ended(_) => "XMTP_NODE_ENDED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Store(error) => error.category(),
            Self::Serve(error) => error.category(),
            Self::Ended(_) => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Serve(error) => error.hint(),
            Self::Ended(_) => None,
        }
    }
}

macro_rules! refusals {
    ($($variant:ident = $code:literal, $category:ident, $message:literal;)*) => {
        /// What the node refuses for reasons of its own; what is wrong with a message, a key package or an identity update
        /// has a code of `chancery-xmtp-wire`. A status carries the code as `chancery-code` in its metadata.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $(
                #[doc = concat!("`", $code, "`: ", $message, ".")]
                #[error($message)]
                $variant,
            )*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl ErrorCode for Refusal {
            fn code(&self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            fn category(&self) -> Category {
                match self { $(Self::$variant => Category::$category,)* }
            }
        }
    };
}

refusals! {
    NothingSent = "XMTP_NODE_NOTHING_SENT", Input, "the request is empty";
    BatchTooLarge = "XMTP_NODE_BATCH_TOO_LARGE", Input, "the request has more entries than one may have";
    NotV1 = "XMTP_NODE_NOT_V1", Input, "the message is of no version that is known";
    MessageTooLarge = "XMTP_NODE_MESSAGE_TOO_LARGE", Input, "the message is larger than one may be";
    HmacTooLarge = "XMTP_NODE_HMAC_TOO_LARGE", Input, "the sender's HMAC is longer than an HMAC";
    WelcomeTooLarge = "XMTP_NODE_WELCOME_TOO_LARGE", Input, "the welcome is larger than one may be";
    WrapperUnknown = "XMTP_NODE_WRAPPER_UNKNOWN", Input, "the welcome is wrapped by an algorithm that is not known";
    GroupIdInvalid = "XMTP_NODE_GROUP_ID_INVALID", Input, "a group id is 1 to 255 bytes";
    InstallationInvalid = "XMTP_NODE_INSTALLATION_INVALID", Input, "an installation key is 32 bytes";
    InboxInvalid = "XMTP_NODE_INBOX_INVALID", Input, "an inbox id is 64 lower-case hex digits";
    IdentifierInvalid = "XMTP_NODE_IDENTIFIER_INVALID", Input,
        "an identifier is an address, 0x and 40 hex digits, or a passkey in hex digits";
    DirectionUnsupported = "XMTP_NODE_DIRECTION_UNSUPPORTED", Input, "a commit log is read oldest first";
    KeyPackageMissing = "XMTP_NODE_KEY_PACKAGE_MISSING", Input, "there is no key package";
    KeyPackageSuperseded = "XMTP_NODE_KEY_PACKAGE_SUPERSEDED", Conflict, "the installation has a newer key package";
    InstallationForeign = "XMTP_NODE_INSTALLATION_FOREIGN", Forbidden, "the installation belongs to another inbox";
    UpdateMissing = "XMTP_NODE_UPDATE_MISSING", Input, "there is no identity update";
    UpdateTooLarge = "XMTP_NODE_UPDATE_TOO_LARGE", Input, "the identity update is larger than one may be";
    UpdateOvertaken = "XMTP_NODE_UPDATE_OVERTAKEN", Conflict, "other updates of this inbox keep coming first";
    CommitEntryInvalid = "XMTP_NODE_COMMIT_ENTRY_INVALID", Input, "a commit log entry has a group, an entry and a signature";
    CommitEntryTooLarge = "XMTP_NODE_COMMIT_ENTRY_TOO_LARGE", Input, "the commit log entry is larger than one may be";
    NoFilters = "XMTP_NODE_NO_FILTERS", Input, "the subscription has no filters";
    TooManyFilters = "XMTP_NODE_TOO_MANY_FILTERS", Input, "the subscription has more filters than one may have";
    FiltersExhausted = "XMTP_NODE_FILTERS_EXHAUSTED", Limited, "the open subscriptions have as many filters as they may have";
    TooManyStreams = "XMTP_NODE_TOO_MANY_STREAMS", Limited, "this address has as many open streams as it may have";
    SlowReader = "XMTP_NODE_SLOW_READER", Conflict, "caller did not read all messages fast enough";
    Stopping = "XMTP_NODE_STOPPING", Unavailable, "service is shutting down";
    TooManyRequests = "XMTP_NODE_TOO_MANY_REQUESTS", Limited, "this address sends requests faster than it may";
    Busy = "XMTP_NODE_BUSY", Limited, "as many requests are being answered as may be at once";
    TooSlow = "XMTP_NODE_TOO_SLOW", Unavailable, "the request did not arrive, or was not answered, in time";
    RequestTooLarge = "XMTP_NODE_REQUEST_TOO_LARGE", Limited, "the request is larger than one may be";
    Malformed = "XMTP_NODE_MALFORMED", Input, "the request is not one gRPC message of the type that the method takes";
    Compressed = "XMTP_NODE_COMPRESSED", Input, "this node takes no compressed messages";
    AnswerTooLarge = "XMTP_NODE_ANSWER_TOO_LARGE", Limited, "the answer would be larger than one may be: ask for less at once";
    NotGrpc = "XMTP_NODE_NOT_GRPC", Input, "this node speaks gRPC alone";
    FromPage = "XMTP_NODE_FROM_PAGE", Forbidden, "web pages have no business with this node";
    NotServed = "XMTP_NODE_NOT_SERVED", Input, "this node does not serve this method";
    NoChain = "XMTP_NODE_NO_CHAIN", Input, "this node asks no chain, so it cannot verify smart contract wallets";
}

impl Refusal {
    fn grpc(self) -> Code {
        match self {
            Self::NotServed | Self::NoChain | Self::Compressed => Code::Unimplemented,
            Self::TooSlow => Code::DeadlineExceeded,
            other => grpc(other.category()),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        status(refusal.grpc(), &refusal)
    }
}

fn grpc(category: Category) -> Code {
    match category {
        Category::Input => Code::InvalidArgument,
        Category::Unauthenticated => Code::Unauthenticated,
        Category::Forbidden => Code::PermissionDenied,
        Category::NotFound => Code::NotFound,
        Category::Conflict => Code::Aborted,
        Category::Limited => Code::ResourceExhausted,
        Category::Unavailable => Code::Unavailable,
        _ => Code::Internal,
    }
}

fn status(code: Code, error: &impl ErrorCode) -> Status {
    let mut status = Status::new(code, error.to_string());
    status
        .metadata_mut()
        .insert(CODE, MetadataValue::from_static(error.code()));
    status
}

/// What a client is told of an error that its request caused.
pub(crate) fn refused(error: &impl ErrorCode) -> Status {
    status(grpc(error.category()), error)
}

/// What a client is told of an identity update that is not taken. Whatever kind of fault that is for whoever keeps a log,
/// for the client it is one of its request: other statuses would have it sign in, or try again.
pub(crate) fn invalid_update(error: &impl ErrorCode) -> Status {
    let code = match error.category() {
        Category::Limited => Code::ResourceExhausted,
        // a wallet whose chain would have to be asked
        Category::Unavailable => Code::Unimplemented,
        _ => Code::InvalidArgument,
    };
    status(code, error)
}

/// What a client is told of a failure of the store: what passes, as such; of a defect no more than that there is one.
pub(crate) fn store_failed(error: &StoreError) -> Status {
    if error.category() != Category::Internal {
        return refused(error);
    }
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause, "the store failed");
    let mut status = Status::internal("internal error");
    status
        .metadata_mut()
        .insert(CODE, MetadataValue::from_static(error.code()));
    status
}

/// What a client is told of something that cannot be.
pub(crate) fn defect(what: &str, error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "{what}");
    Status::internal("internal error")
}
