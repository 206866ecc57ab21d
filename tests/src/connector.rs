//! An agent's connector, as a process.

use serde_json::{Value, json};

use crate::{Agent, Port, Process, http, wait};

/// `clawdentity connector start`.
#[derive(Debug)]
pub struct Connector {
    /// The process.
    pub process: Process,
    port: Port,
}

impl Connector {
    /// The connector of `agent` with further arguments, not yet started. It is ready when it is connected.
    #[must_use]
    pub fn prepare(agent: &Agent, arguments: &[&str]) -> Self {
        let port = Port::free();
        let number = port.number().to_string();
        let owner = agent.owner();
        let mut all = vec!["connector", "start", agent.name(), "--port", &number, "--json"];
        all.extend(arguments);
        let address = port.address();
        let ready = move || {
            http::get(address, "/v1/status").is_some_and(|answer| answer.json()["websocket"]["connected"] == true)
        };
        let name = format!("connector-{}-{}", owner.name(), agent.name());
        let mut process = Process::new(&name, owner.output_dir(), owner.client(), all, ready);
        for (variable, value) in owner.variables() {
            process.set(variable, &value);
        }
        Self { process, port }
    }

    /// Starts it and waits until it is connected.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&mut self) {
        self.process.start();
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// The local API's port.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// `GET /v1/status`.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        wait::until("the connector's status", || {
            http::get(self.port.address(), "/v1/status")
        })
        .json()
    }

    /// Sends a message: `POST /v1/outbound`. Returns its id once it is durable.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn send(&self, to: &str, payload: &Value) -> String {
        let body = json!({ "toAgentDid": to, "payload": payload });
        self.try_send(&body)
            .unwrap_or_else(|| panic!("the connector did not take {body}"))
    }

    /// The same with a body of one's own; `None` when it was not acknowledged: nobody knows then whether it was taken.
    #[must_use]
    pub fn try_send(&self, body: &Value) -> Option<String> {
        let answer = http::post(self.port.address(), "/v1/outbound", &[], body)?;
        let id = answer.json()["frameId"].as_str().map(str::to_owned);
        id.filter(|_| answer.status == 202)
    }

    /// `GET /v1/outbound/{id}`: where a message is that was sent; `null` when it is unknown.
    #[must_use]
    pub fn outbound(&self, id: &str) -> Value {
        http::get(self.port.address(), &format!("/v1/outbound/{id}"))
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.json())
            .unwrap_or_default()
    }

    /// Waits until the relay has the message.
    ///
    /// # Panics
    /// When it does not get it.
    pub fn wait_taken(&self, id: &str) -> Value {
        wait::until(&format!("the relay to take {id}"), || {
            Some(self.outbound(id)).filter(|view| !view.is_null() && view["state"] != "queued")
        })
    }
}
