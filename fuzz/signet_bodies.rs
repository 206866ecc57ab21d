// What each fuzz target of the signet's wire does with its bytes. A short loop over them runs in the ordinary tests, too
// (crates/signet-wire/tests/fuzz_bodies.rs).

use chancery_signet_wire::{
    action::{self, Call, Registry},
    admin::{AdminAuth, RpcRequest},
    frame::{ClientFrame, Request, ServerFrame},
    schema,
};

/// All targets.
pub(crate) const ALL: [fn(&[u8]); 3] = [frame, rpc, input];

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// A frame that is read is written, and what is written is read as the same.
pub(crate) fn frame(data: &[u8]) {
    let text = text(data);
    if let Ok(ClientFrame::Auth(auth)) = ClientFrame::parse(text) {
        let again = auth.encode().unwrap_or_default();
        assert_eq!(ClientFrame::parse(&again), Ok(ClientFrame::Auth(auth)));
    }
    if let Ok((id, request)) = Request::parse(text) {
        let again = request.encode(&id).unwrap_or_default();
        assert_eq!(Request::parse(&again), Ok((id, request)));
    }
    if let Ok(frame) = ServerFrame::parse(text) {
        let again = frame.encode().unwrap_or_default();
        assert_eq!(ServerFrame::parse(&again), Ok(frame));
    }
}

/// A line that is read is written, and what is written is read as the same.
pub(crate) fn rpc(data: &[u8]) {
    let text = text(data);
    if let Some(auth) = AdminAuth::parse(text) {
        assert_eq!(AdminAuth::parse(&auth.encode().unwrap_or_default()), Some(auth));
    }
    match RpcRequest::parse(text) {
        Ok(request) => {
            let again = request.encode().unwrap_or_default();
            assert_eq!(RpcRequest::parse(&again), Ok(request));
        }
        Err(answer) => assert!(answer.error.is_some()),
    }
}

/// The first byte chooses the action; what follows is its input, as JSON and as a query.
pub(crate) fn input(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    let Ok(registry) = Registry::new(action::table().iter().copied()) else {
        return;
    };
    let nth = usize::from(*first) % action::table().len();
    let Some(entry) = registry.entries().nth(nth) else {
        return;
    };
    let _ = Call::parse(entry.id(), text(rest));
    let query = schema::from_query(entry.schema(), text(rest));
    let _ = Call::from_value(entry.id(), query);
}
