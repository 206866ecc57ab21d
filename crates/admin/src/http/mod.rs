//! HTTP: actions by their paths and by their ids, what a credential may ask of itself, and health (signet spec 5.7).

mod answer;
mod input;
mod token;

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    response::Response,
};
use chancery_serve::loopback;
use chancery_signet::Principal;
use chancery_signet_wire::{
    Class, Failure, Json,
    action::{Call, Entry, HttpAuth, HttpMethod, input::ByCredential, input::Nothing},
    http,
    record::{
        credential::{CredentialInfo, CredentialView},
        status::{DaemonState, Health},
    },
};

use crate::{
    admin::{Admin, written},
    caller::Proof,
    waits::Judged,
};

impl Admin {
    /// Everything below `/v1/` that administers: to be served on a listener of its own, by
    /// [`Bound::run`](chancery_serve::Bound::run), or merged with a router that has no fallback. It asks for a loopback `Host`,
    /// lets no browser in, and has every error in the shape of this API.
    pub fn router(&self) -> Router {
        Router::new().fallback(respond).with_state(self.clone())
    }
}

async fn respond(State(admin): State<Admin>, request: Request) -> Response {
    answer::of(serve(&admin, request).await)
}

/// Where a request goes.
enum Route<'a> {
    Health,
    /// An action by its id, which there may be or not.
    Id(String),
    CredentialInfo,
    Action(&'a Entry, HttpAuth),
}

async fn serve(admin: &Admin, request: Request) -> Result<Json, Failure> {
    let (parts, body) = request.into_parts();
    loopback::check_origin(&parts.headers, &parts.uri)
        .map_err(|foreign| Failure::new(Class::Permission, foreign.to_string()))?;
    match route(admin, &parts.method, parts.uri.path())? {
        Route::Health => health(admin, &parts).await,
        // who may is asked before what is wanted is looked at
        Route::Id(id) => {
            let proof = token::admin(admin, &parts).await?;
            let entry = admin.actions().get(&id);
            let entry = entry.ok_or_else(|| Failure::not_found("action", &id))?;
            let text = input::body(admin, &parts, body).await?;
            act(admin, &proof, Call::parse(entry.id(), &text)?).await
        }
        Route::CredentialInfo => {
            let principal = token::credential(admin, &parts).await?;
            let text = input::body(admin, &parts, body).await?;
            // of the input there is nothing to keep
            let _: Nothing =
                serde_json::from_str(&text).map_err(|error| Failure::validation("input", &error.to_string()))?;
            info(admin, principal).await
        }
        Route::Action(entry, auth) => match auth {
            HttpAuth::Admin => {
                let proof = token::admin(admin, &parts).await?;
                let call = input::call(admin, entry, &parts, body).await?;
                act(admin, &proof, call).await
            }
            HttpAuth::Credential => {
                let principal = token::credential(admin, &parts).await?;
                let call = input::call(admin, entry, &parts, body).await?;
                admin.perform(principal, call).await
            }
        },
    }
}

/// Where `method` at `path` goes. A path is taken as it is written: nothing in it is decoded or put straight.
fn route<'a>(admin: &'a Admin, method: &Method, path: &str) -> Result<Route<'a>, Failure> {
    let absent = || Failure::not_found("route", path);
    let method = match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        _ => return Err(absent()),
    };
    match (method, path) {
        (HttpMethod::Get, http::HEALTH) => Ok(Route::Health),
        (HttpMethod::Post, path) if http::CREDENTIAL_INFO.contains(&path) => Ok(Route::CredentialInfo),
        (HttpMethod::Post, path) if path.starts_with(http::ADMIN_PREFIX) => {
            Ok(Route::Id(path.split_at(http::ADMIN_PREFIX.len()).1.to_owned()))
        }
        (method, path) => {
            let entry = admin.actions().at(method, path).ok_or_else(absent)?;
            let auth = entry.http.as_ref().map(|http| http.auth).ok_or_else(absent)?;
            Ok(Route::Action(entry, auth))
        }
    }
}

/// Does what an admin may. What waits for the owner is not done here: there is no connection that would keep the question.
async fn act(admin: &Admin, proof: &Proof, call: Call) -> Result<Json, Failure> {
    match admin.judge(proof, call).await? {
        Judged::Free(call) => admin.perform(Principal::Admin, call).await,
        Judged::Waits(what, call) => {
            let failure = Failure::new(Class::Permission, "The owner has to approve this, at the admin socket");
            let operation = serde_json::to_value(what.operation).unwrap_or_default();
            Err(failure
                .with("operation", operation)
                .with("action", call.id())
                .with("hint", "xs"))
        }
    }
}

/// That it lives, for anybody; how it fares, for admins.
async fn health(admin: &Admin, parts: &axum::http::request::Parts) -> Result<Json, Failure> {
    let state = match admin.open() {
        Ok(_) => DaemonState::Running,
        Err(_) => DaemonState::Locked,
    };
    if !parts.headers.contains_key(axum::http::header::AUTHORIZATION) {
        return written(&Health {
            ok: state == DaemonState::Running,
            state,
        });
    }
    token::admin(admin, parts).await?;
    admin.perform(Principal::Admin, Call::SignetStatus(Nothing {})).await
}

/// What a credential is told of itself.
async fn info(admin: &Admin, principal: Principal) -> Result<Json, Failure> {
    let Principal::Credential(id) = principal else {
        return Err(Failure::new(Class::Permission, "only a credential has this"));
    };
    let named = id.to_string().parse();
    let credential_id = named.map_err(|_| Failure::new(Class::Internal, "an id of our own is no reference"))?;
    let view = admin
        .perform(principal, Call::CredentialLookup(ByCredential { credential_id }))
        .await?;
    let view: CredentialView = view
        .read()
        .map_err(|_| Failure::new(Class::Internal, "an answer of our own is not understood"))?;
    written(&CredentialInfo {
        credential_id: view.credential_id,
        operator_id: view.operator_id,
        status: view.status,
        config: view.config,
        issued_at: view.issued_at,
        expires_at: view.expires_at,
    })
}
