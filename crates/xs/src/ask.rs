//! Asking the daemon: one connection, one call, what comes after it, and the answer printed.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    time::Duration,
};

use chancery_signet_wire::{
    List, Reference,
    action::{
        Call,
        input::{ChatInvite, ChatUpdateProfile},
    },
    admin::Subscribe,
    frame::EventKind,
};

use crate::{
    Problem,
    client::{Client, PATIENCE, owner},
    context::Context,
    problem::Result,
    qr,
    step::{Ask, Equipment, Step, Then},
    tree::Tree,
};

/// How long the daemon waits to be let into a chat where nobody says otherwise.
const JOIN_SECS: u64 = 300;
/// Entries of a watched list that are remembered as printed. Beyond that some come again, which whoever reads can tell.
const MAX_REMEMBERED: usize = 65_536;

/// Does `step`.
pub(crate) fn run(step: Step, context: &Context) -> Result<()> {
    match step {
        Step::Rehearse(what) => {
            context.output.rehearsal(&what);
            Ok(())
        }
        Step::Ask(ask) => asked(*ask, context),
    }
}

fn asked(ask: Ask, context: &Context) -> Result<()> {
    let mut client = Client::connect(&context.door()?)?;
    if let Then::Watch(kinds, place) = ask.then {
        return watch(&ask.call, kinds, place, &mut client, context);
    }
    client.wait(Some(patience(&ask.call)))?;
    let mut data = owner::call(&mut client, &ask.call, context)?;
    client.wait(Some(PATIENCE))?;
    let picture = match ask.then {
        Then::Equip(equipment) => equip(&ask.call, &mut data, equipment, &mut client, context)?,
        Then::Picture(format) => {
            qr::attach(&mut data, context.output.is_for_programs())?;
            qr::lines(&data, format)?
        }
        Then::Nothing | Then::Watch(..) => Vec::new(),
    };
    if let Some(only) = &ask.only {
        data = data
            .at(only)
            .cloned()
            .ok_or_else(|| Problem::argument("--only", format_args!("the answer has no member {only:?}")))?;
    }
    let format = ask.format.unwrap_or(context.output.format());
    context.output.printed(format, &data, ask.view)?;
    if !context.output.is_for_programs() {
        context.output.lines(&picture)?;
    }
    if let Some(what) = ask.plan_of {
        context.output.rehearsal(&what);
    }
    Ok(())
}

/// How long the answer to `call` may take.
fn patience(call: &Call) -> Duration {
    match call {
        Call::ChatJoin(join) => {
            let seconds = join.timeout_seconds.map_or(JOIN_SECS, |seconds| seconds.get());
            PATIENCE.saturating_add(Duration::from_secs(seconds))
        }
        _ => PATIENCE,
    }
}

/// Prints a line for each entry of the list at `place`, and goes on with each that is new or changed whenever one of `kinds`
/// happens. An event is only a reason to look: what is printed comes by the call, with all its checks.
fn watch(call: &Call, kinds: &[EventKind], place: &str, client: &mut Client, context: &Context) -> Result<()> {
    let types = List::try_from(kinds.to_vec()).map_err(|error| Problem::internal(error.to_string()))?;
    client.subscribe(&Subscribe {
        types: Some(types),
        ..Subscribe::default()
    })?;
    let mut printed = HashSet::new();
    loop {
        client.wait(Some(PATIENCE))?;
        let data = owner::call(client, call, context)?;
        for entry in data.at(place).map(Tree::entries).unwrap_or_default() {
            let mut hasher = DefaultHasher::new();
            serde_json::to_string(entry).unwrap_or_default().hash(&mut hasher);
            if printed.len() >= MAX_REMEMBERED {
                printed.clear();
            }
            if printed.insert(hasher.finish()) {
                context.output.line(entry)?;
            }
        }
        client.wait(None)?;
        client.event()?;
    }
}

/// Gives a new chat what it was to have. What fails is a warning in the answer: the chat is there, and its id must not be lost.
fn equip(
    call: &Call,
    data: &mut Tree,
    equipment: Equipment,
    client: &mut Client,
    context: &Context,
) -> Result<Vec<String>> {
    let Call::ChatCreate(create) = call else {
        return Err(Problem::internal("only a new chat is given something"));
    };
    let chat: Reference = data
        .at("chatId")
        .and_then(|id| id.inline().parse().ok())
        .ok_or_else(|| Problem::internal("the daemon did not say which chat it made"))?;
    let operator = create.operator_id.clone();
    let profile_name = match (equipment.profile_name, &equipment.invite, &operator) {
        (None, Some(_), None) => context.loaded()?.config.defaults.profile_name,
        (name, ..) => name,
    };
    let by_operator: Option<Reference> = operator.filter(|_| profile_name.is_none());
    if profile_name.is_some() || by_operator.is_some() {
        let input = ChatUpdateProfile {
            chat_id: chat.clone(),
            identity_label: create.creator_identity_label.clone(),
            operator_id: by_operator,
            profile_name,
        };
        let result = owner::call(client, &Call::ChatUpdateProfile(input), context);
        note(data, "profile", "profileWarning", result);
    }
    let Some(text) = equipment.invite else {
        return Ok(Vec::new());
    };
    let input = ChatInvite {
        chat_id: chat,
        identity_label: create.creator_identity_label.clone(),
        name: text.name,
        description: text.description,
        expires_in_seconds: None,
        single_use: None,
    };
    let for_programs = context.output.is_for_programs();
    let invite = owner::call(client, &Call::ChatInvite(input), context).and_then(|mut invite| {
        qr::attach(&mut invite, for_programs)?;
        Ok(invite)
    });
    let picture = match &invite {
        Ok(invite) => qr::lines(invite, text.format)?,
        Err(_) => Vec::new(),
    };
    note(data, "invite", "inviteWarning", invite);
    Ok(picture)
}

fn note(data: &mut Tree, name: &str, warning: &str, result: Result<Tree>) {
    let Tree::Object(members) = data else { return };
    members.retain(|(key, _)| key != name && key != warning);
    let member = match result {
        Ok(value) => (name.to_owned(), value),
        Err(problem) => {
            let failure = problem.failure();
            let warned = vec![
                ("category".to_owned(), Tree::Text(failure.kind().to_string())),
                ("message".to_owned(), Tree::Text(failure.message.clone())),
            ];
            (warning.to_owned(), Tree::Object(warned))
        }
    };
    members.push(member);
}
