//! The first line of a connection: who is there.

use chancery_signet_wire::{
    Class, Failure,
    admin::{AdminAuth, RpcResponse},
};
use tokio::{io::AsyncBufRead, time::Instant};

use super::{
    connection::Out,
    lines::{Lines, Read},
};
use crate::{
    admin::Admin,
    caller::{Proof, needs_token},
    settings::{AUTH_PAUSE, AUTH_TIMEOUT, AUTH_TRIES},
};

/// Reads first lines until one is right. `None` when none was, in the time and the number of tries that there are.
pub(super) async fn admit<R: AsyncBufRead + Unpin>(
    admin: &Admin,
    own: bool,
    lines: &mut Lines<R>,
    out: &Out,
) -> Option<Proof> {
    let end = Instant::now() + AUTH_TIMEOUT;
    for _ in 0..AUTH_TRIES {
        let line = match tokio::time::timeout_at(end, lines.next()).await {
            Ok(line) => line,
            Err(_) => {
                let late = Failure::new(Class::Timeout, "No admin_auth frame came in time");
                out.send(&RpcResponse::failure(None, late)).await;
                return None;
            }
        };
        let text = match line {
            Read::Line(text) => text,
            Read::Garbled => String::new(),
            Read::TooLong | Read::End => return None,
        };
        let refusal = match AdminAuth::parse(&text) {
            None => RpcResponse::expected_auth(),
            Some(auth) => match prove(admin, own, auth).await {
                Ok(proof) => {
                    let admitted = RpcResponse::authenticated().ok()?;
                    return out.send(&admitted).await.then_some(proof);
                }
                Err(failure) => RpcResponse::failure(None, failure),
            },
        };
        tokio::time::sleep(AUTH_PAUSE).await;
        if !out.send(&refusal).await {
            return None;
        }
    }
    tracing::warn!("somebody was not let in at the admin socket");
    None
}

/// By what whoever sent `auth` is an admin.
async fn prove(admin: &Admin, own: bool, auth: AdminAuth) -> Result<Proof, Failure> {
    match auth.token {
        Some(token) => {
            admin.check_token(&token).await?;
            Ok(Proof::Token(token))
        }
        // without keys no token can be judged, and little is done
        None if own && (admin.settings().peer_credentials || admin.open().is_err()) => Ok(Proof::Kernel),
        None if own => Ok(Proof::None),
        None => Err(needs_token()),
    }
}
