//! Tools: what a model may call, with what, and what the call does.

use std::collections::HashSet;

use chancery_policy::{Capability, Mismatch, Request, Resource};

use super::{
    ArgumentProblem, MAX_TOOLS, Options, ParameterSchema, SchemaVersion, request::CapabilityRequest, schema::Budget,
};
use crate::{
    code::Code,
    form::{Form, Need},
    id::{self, SkillId},
    json::{At, Object, Value},
    problem::{Problem, Severity},
};

const MAX_DESCRIPTION: usize = 1024;

/// The builtin tools (safeclaw spec 3.4), whose names are taken.
pub(crate) const BUILTIN: [&str; 8] = [
    "read",
    "write",
    "edit",
    "bash",
    "web_fetch",
    "web_search",
    "process",
    "apply_patch",
];

const MEMBERS: [&str; 3] = ["name", "description", "parameters"];
const MEMBERS_2: [&str; 3] = ["requires", "effects", "annotations"];

/// A tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    name: String,
    description: String,
    schema: ParameterSchema,
    requires: Vec<usize>,
    effects: Vec<Effect>,
    annotations: Annotations,
}

/// That a call uses a capability on what an argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Name of a declared parameter, a string or an array of strings.
    pub argument: String,
    /// What is used on it.
    pub capability: Capability,
}

/// What the publisher says of a tool. Hints: nothing is allowed because of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy.
    pub destructive: Option<bool>,
    /// It reaches beyond this machine.
    pub open_world: Option<bool>,
}

impl Tool {
    /// The name, unique in the skill also when case is ignored.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does, for the model.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What it takes.
    #[must_use]
    pub fn schema(&self) -> &ParameterSchema {
        &self.schema
    }

    /// Indexes of the requests that it needs, each once.
    #[must_use]
    pub fn requires(&self) -> &[usize] {
        &self.requires
    }

    /// What a call does with its arguments.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// What the publisher says of it.
    #[must_use]
    pub fn annotations(&self) -> Annotations {
        self.annotations
    }

    /// The name under which a model sees it beside the tools of other skills: `skill__tool`, a dot of the id as `_`. The
    /// tools of `a.b` and `a_b` may so have one name: whoever shows several skills to a model must refuse the second.
    #[must_use]
    pub fn exposed_name(&self, skill: &SkillId) -> String {
        format!("{}__{}", skill.as_str().replace('.', "_"), self.name)
    }

    /// Checks the arguments of a call against the schema. To be done before anything is asked of the enforcer.
    ///
    /// # Errors
    /// Every problem, up to 16.
    pub fn check_arguments(&self, arguments: &serde_json::Value) -> Result<(), Vec<ArgumentProblem>> {
        self.schema.check(arguments)
    }

    /// What a call with these arguments asks for, a request each: by its effects. An argument that is absent asks for
    /// nothing.
    ///
    /// # Errors
    /// [`Mismatch::Outside`] for an argument that is neither text nor a list of texts, or cannot be what its effect says.
    pub fn effects_of(&self, arguments: &serde_json::Value) -> Result<Vec<Request>, Mismatch> {
        let mut requests = Vec::new();
        for Effect { argument, capability } in &self.effects {
            let mut add = |value: &serde_json::Value| match value.as_str() {
                Some(text) => {
                    let resource = Resource::parse(*capability, text)?;
                    requests.push(Request::new(*capability, resource));
                    Ok(())
                }
                None => Err(Mismatch::Outside(capability.dimension(), value.to_string())),
            };
            match arguments.get(argument) {
                None => {}
                Some(serde_json::Value::Array(items)) => items.iter().try_for_each(add)?,
                Some(value) => add(value)?,
            }
        }
        Ok(requests)
    }
}

/// The tools; `requests` have gaps where one could not be read.
pub(super) fn read_all(
    object: &Object,
    requests: &[Option<CapabilityRequest>],
    version: Option<SchemaVersion>,
    options: &Options,
    form: &mut Form,
) -> Vec<Tool> {
    let items = form.array(object, &At::ROOT, "tools");
    let list = At::ROOT.member("tools");
    if items.len() > MAX_TOOLS {
        form.error(Code::Size, &list, &format!("more than {MAX_TOOLS} tools"));
    }
    let mut names = HashSet::new();
    let mut tools = Vec::new();
    let mut budget = Budget::default();
    for (index, item) in items.iter().take(MAX_TOOLS).enumerate() {
        let at = list.item(index);
        let Some(object) = form.as_object(item, &at) else {
            continue;
        };
        let name = name(object, &at, options, form);
        if name.is_some_and(|name| !names.insert(name.to_ascii_lowercase())) {
            form.error(
                Code::ToolDup,
                &at.member("name"),
                "a name that another tool of this skill has",
            );
        }
        tools.extend(read(object, name, requests, version, &mut budget, &at, form));
    }
    tools
}

fn name<'v>(object: &'v Object, at: &At<'_>, options: &Options, form: &mut Form) -> Option<&'v str> {
    let name = form.string(object, at, "name", Need::Required)?;
    let place = at.member("name");
    if !id::is_tool_name(name) {
        form.error(
            Code::ToolName,
            &place,
            "not a letter and up to 63 letters, digits, '_' and '-'",
        );
        return None;
    }
    if !options.builtin && BUILTIN.iter().any(|builtin| builtin.eq_ignore_ascii_case(name)) {
        form.error(Code::ToolShadow, &place, "the name of a builtin tool");
    }
    Some(name)
}

fn read(
    object: &Object,
    name: Option<&str>,
    requests: &[Option<CapabilityRequest>],
    version: Option<SchemaVersion>,
    budget: &mut Budget,
    at: &At<'_>,
    form: &mut Form,
) -> Option<Tool> {
    for (member, _) in object.iter() {
        let member = member.as_str().unwrap_or_default();
        let of_2 = MEMBERS_2.contains(&member) && version != Some(SchemaVersion::One);
        if !of_2 && !MEMBERS.contains(&member) {
            form.error(Code::Unknown, &at.member(member), "a member that nobody knows");
        }
    }
    let limit = (Code::ToolDesc, MAX_DESCRIPTION);
    let description = form
        .string(object, at, "description", Need::Required)
        .and_then(|text| form.check_shown(text, &at.member("description"), limit));
    let schema = schema(object, budget, at, form);
    let requires = requires(object, requests, at, form);
    let required = |capability| {
        let mut of_tool = requires.iter().filter_map(|index| requests.get(*index)?.as_ref());
        of_tool.any(|request| request.permission.capability() == capability)
    };
    let effects = effects(object, schema.as_ref(), required, at, form);
    let annotations = annotations(object, at, form);
    Some(Tool {
        name: name?.to_owned(),
        description: description?.to_owned(),
        schema: schema?,
        requires,
        effects,
        annotations,
    })
}

fn schema(object: &Object, budget: &mut Budget, at: &At<'_>, form: &mut Form) -> Option<ParameterSchema> {
    let place = at.member("parameters");
    let Some(parameters) = object.get("parameters") else {
        form.error(Code::ToolSchema, at, "Missing required field: parameters");
        return None;
    };
    let compiled = parameters
        .to_serde()
        .map(|parameters| ParameterSchema::compile(parameters, budget));
    match compiled {
        Some(Ok(schema)) => Some(schema),
        Some(Err(fault)) => {
            form.add(Problem {
                code: if fault.shown { Code::ToolDesc } else { Code::ToolSchema },
                pointer: place.pointer() + &fault.pointer,
                message: fault.message,
                severity: Severity::Error,
            });
            None
        }
        None => {
            form.error(Code::ToolSchema, &place, "not JSON that a schema may hold");
            None
        }
    }
}

fn requires(object: &Object, requests: &[Option<CapabilityRequest>], at: &At<'_>, form: &mut Form) -> Vec<usize> {
    let items = form.array(object, at, "requires");
    let list = at.member("requires");
    let mut requires = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let index = item.as_u53().and_then(|index| usize::try_from(index).ok());
        match index.filter(|index| *index < requests.len()) {
            Some(index) if !requires.contains(&index) => requires.push(index),
            _ => {
                let message = "not the index of a request, or one that is there already";
                form.error(Code::ToolRequires, &list.item(position), message);
            }
        }
    }
    requires
}

fn effects(
    object: &Object,
    schema: Option<&ParameterSchema>,
    required: impl Fn(Capability) -> bool,
    at: &At<'_>,
    form: &mut Form,
) -> Vec<Effect> {
    let place = at.member("effects");
    let members = object.get("effects").and_then(|value| form.as_object(value, &place));
    let mut effects: Vec<Effect> = Vec::new();
    for (argument, value) in members.into_iter().flat_map(Object::iter) {
        let argument = argument.as_str().unwrap_or_default();
        let here = place.member(argument);
        if schema.is_some_and(|schema| !schema.declares(argument)) {
            form.error(Code::ToolEffects, &here, "not a declared parameter");
        }
        let texts: Vec<&Value> = match value {
            Value::Array(items) if !items.is_empty() => items.iter().collect(),
            _ => vec![value],
        };
        for text in texts {
            match text.as_str().and_then(|text| text.parse::<Capability>().ok()) {
                Some(capability) if !required(capability) => {
                    form.error(
                        Code::ToolEffects,
                        &here,
                        "a capability that no required request asks for",
                    );
                }
                Some(capability) => effects.push(Effect {
                    argument: argument.to_owned(),
                    capability,
                }),
                None => form.error(Code::ToolEffects, &here, "neither a capability nor a list of them"),
            }
        }
    }
    effects
}

fn annotations(object: &Object, at: &At<'_>, form: &mut Form) -> Annotations {
    let place = at.member("annotations");
    let Some(object) = object
        .get("annotations")
        .and_then(|value| form.as_object(value, &place))
    else {
        return Annotations::default();
    };
    form.only(object, &place, &["readOnly", "destructive", "openWorld"]);
    let mut flag = |name: &str| match object.get(name)? {
        Value::Bool(flag) => Some(*flag),
        _ => {
            form.error(Code::Type, &place.member(name), "must be true or false");
            None
        }
    };
    Annotations {
        read_only: flag("readOnly"),
        destructive: flag("destructive"),
        open_world: flag("openWorld"),
    }
}
