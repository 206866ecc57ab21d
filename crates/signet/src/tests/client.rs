//! A harness, as tests are one.

use super::*;

pub(super) fn login(issued: &Issued, last_seen: Option<u64>, epoch: Option<String>) -> HarnessLogin {
    HarnessLogin {
        auth: Auth {
            token: issued.token(),
            last_seen_seq: last_seen,
            last_seen_epoch: epoch,
            proof: None,
        },
        nonce: None,
        uid: PeerUid::new(|| None),
    }
}

/// What a session sends next, if it does within a moment.
pub(super) async fn next(session: &mut HarnessSession) -> Option<Outgoing> {
    tokio::time::timeout(Duration::from_millis(400), session.next())
        .await
        .ok()
}

pub(super) async fn frame(session: &mut HarnessSession) -> Frame {
    match next(session).await {
        Some(Outgoing::Event(frame)) => frame,
        other => panic!("no event: {other:?}"),
    }
}

/// The next event, as a client reads it.
pub(super) async fn event(session: &mut HarnessSession) -> Sequenced {
    match ServerFrame::parse(&frame(session).await.text()) {
        Ok(ServerFrame::Sequenced(sequenced)) => sequenced,
        other => panic!("no event: {other:?}"),
    }
}

pub(super) async fn message(session: &mut HarnessSession) -> MessageVisible {
    match event(session).await.event {
        Event::MessageVisible(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// Everything that a session sends until it falls silent or ends.
pub(super) async fn drain(session: &mut HarnessSession) -> Vec<Outgoing> {
    let mut all = Vec::new();
    while let Ok(out) = tokio::time::timeout(Duration::from_millis(60), session.next()).await {
        let end = matches!(out, Outgoing::Close(_));
        all.push(out);
        if end {
            break;
        }
    }
    all
}

/// Asks for something and gives the data, or the failure.
pub(super) async fn ask(session: &HarnessSession, request: Value) -> Result<Value, Value> {
    let mut request = request;
    request["requestId"] = json!("r1");
    let (id, request) = Request::parse(&request.to_string()).unwrap();
    let answer = session.harness().answer(id, request).await.unwrap();
    let text = serde_json::to_value(&answer).unwrap();
    match answer {
        Response::Success { .. } => Ok(text["data"].clone()),
        Response::Failure { .. } => Err(text["error"].clone()),
    }
}

pub(super) fn texts(contents: &[Content]) -> Vec<String> {
    let texts = contents.iter().filter_map(|content| content.body["text"].as_str());
    texts.map(str::to_owned).collect()
}

/// All that streams keep, as text.
pub(super) async fn kept(world: &World) -> BTreeSet<String> {
    let read = world.traffic.store.read(|sql| {
        let mut statement = sql.prepare("SELECT event FROM bodies")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok::<_, Problem>(rows.collect::<Result<_, _>>()?)
    });
    read.await.unwrap()
}

pub(super) fn id_of(value: &Value) -> MessageId {
    value.as_str().unwrap().parse().unwrap()
}
