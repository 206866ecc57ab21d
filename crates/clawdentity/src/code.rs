//! The names of what this command refuses, and what to do about it.

chancery_terminal::codes! {
    /// The arguments do not fit the command.
    Usage = "CLI_USAGE", Input, "see --help";
    /// Neither `--home-dir` nor `HOME` says where the files are.
    HomeRequired = "CLI_HOME_REQUIRED", Input, "set HOME or pass --home-dir <DIR>";
    /// A file of ours could not be read or written.
    StateFailed = "CLI_STATE_FAILED", Internal;
    /// `config.json` is not what it should be.
    ConfigInvalid = "CLI_CONFIG_INVALID", Input, "correct the file, or move it away and run `clawdentity config init`";
    /// No such configuration key.
    ConfigKeyInvalid = "CLI_CONFIG_KEY_INVALID", Input, "keys are registryUrl, proxyUrl, apiKey and humanName";
    /// The value does not fit the key.
    ConfigValueInvalid = "CLI_CONFIG_VALUE_INVALID", Input;
    /// A secret given as `@FILE` or `-` could not be read.
    SecretUnreadable = "CLI_SECRET_UNREADABLE", Input;
    /// A name breaks its rule.
    NameInvalid = "CLI_NAME_INVALID", Input;
    /// The HTTP client could not be set up.
    ClientFailed = "CLI_CLIENT_FAILED", Internal;

    /// Not the URL of a registry.
    RegistryUrlInvalid = "CLI_REGISTRY_URL_INVALID", Input, "a registry URL is an origin such as https://registry.example";
    /// The registry's metadata could not be fetched: no answer.
    MetadataRequestFailed = "CLI_REGISTRY_METADATA_REQUEST_FAILED", Unavailable, "check `clawdentity config get registryUrl`, and that the registry runs";
    /// The registry refused its metadata.
    MetadataFetchFailed = "CLI_REGISTRY_METADATA_FETCH_FAILED", Unavailable;
    /// The registry's metadata is not what it should be.
    MetadataInvalidResponse = "CLI_REGISTRY_METADATA_INVALID_RESPONSE", Unavailable, "check that registryUrl names a registry";

    /// `init` was run before.
    IdentityExists = "CLI_IDENTITY_EXISTS", Conflict, "`clawdentity whoami` shows it";
    /// `init` was not run.
    IdentityNotFound = "CLI_IDENTITY_NOT_FOUND", NotFound, "run `clawdentity init`";
    /// The human identity file is not what it should be.
    IdentityInvalid = "CLI_IDENTITY_INVALID", Input;

    /// No bootstrap secret.
    BootstrapSecretRequired = "CLI_ADMIN_BOOTSTRAP_SECRET_REQUIRED", Input, "pass --bootstrap-secret <SECRET>, `-` or @FILE";
    /// Not the URL of a registry.
    BootstrapInvalidRegistryUrl = "CLI_ADMIN_BOOTSTRAP_INVALID_REGISTRY_URL", Input, "a registry URL is an origin such as https://registry.example";
    /// No answer from the registry.
    BootstrapRequestFailed = "CLI_ADMIN_BOOTSTRAP_REQUEST_FAILED", Unavailable, "check the registry URL, and that the registry runs";
    /// The registry refused without a name for it.
    BootstrapFailed = "CLI_ADMIN_BOOTSTRAP_FAILED", Unavailable;
    /// The registry's answer is not what it should be.
    BootstrapInvalidResponse = "CLI_ADMIN_BOOTSTRAP_INVALID_RESPONSE", Unavailable;
    /// The API key was created and could not be saved.
    BootstrapConfigPersistenceFailed = "CLI_ADMIN_BOOTSTRAP_CONFIG_PERSISTENCE_FAILED", Internal, "the token above is shown only now: save it with `clawdentity config set apiKey -`";

    /// No API key to create an invite with.
    InviteMissingLocalCredentials = "CLI_INVITE_MISSING_LOCAL_CREDENTIALS", Unauthenticated, "run `clawdentity invite redeem`, `clawdentity admin bootstrap`, or `clawdentity config set apiKey -`";
    /// The registry refused without a name for it.
    InviteCreateFailed = "CLI_INVITE_CREATE_FAILED", Unavailable;
    /// The registry's answer is not what it should be.
    InviteCreateInvalidResponse = "CLI_INVITE_CREATE_INVALID_RESPONSE", Unavailable;
    /// No answer from the registry.
    InviteRequestFailed = "CLI_INVITE_REQUEST_FAILED", Unavailable, "check the registry URL, and that the registry runs";
    /// No invite code.
    InviteRedeemCodeRequired = "CLI_INVITE_REDEEM_CODE_REQUIRED", Input, "pass the code that you were given: clw_inv_...";
    /// No display name.
    InviteRedeemDisplayNameRequired = "CLI_INVITE_REDEEM_DISPLAY_NAME_REQUIRED", Input, "pass --display-name <NAME>";
    /// The registry refused without a name for it.
    InviteRedeemFailed = "CLI_INVITE_REDEEM_FAILED", Unavailable;
    /// The registry's answer is not what it should be.
    InviteRedeemInvalidResponse = "CLI_INVITE_REDEEM_INVALID_RESPONSE", Unavailable;
    /// The API key was created and could not be saved.
    InviteRedeemConfigPersistenceFailed = "CLI_INVITE_REDEEM_CONFIG_PERSISTENCE_FAILED", Internal, "the token above is shown only now: save it with `clawdentity config set apiKey -`";

    /// No API key id.
    ApiKeyIdRequired = "CLI_API_KEY_ID_REQUIRED", Input, "`clawdentity api-key list` shows the ids";
    /// Not the id of an API key.
    ApiKeyIdInvalid = "CLI_API_KEY_ID_INVALID", Input, "`clawdentity api-key list` shows the ids";
    /// No API key to authenticate with.
    ApiKeyMissingLocalCredentials = "CLI_API_KEY_MISSING_LOCAL_CREDENTIALS", Unauthenticated, "run `clawdentity invite redeem`, or `clawdentity config set apiKey -`";
    /// Not the URL of a registry.
    ApiKeyInvalidRegistryUrl = "CLI_API_KEY_INVALID_REGISTRY_URL", Input, "a registry URL is an origin such as https://registry.example";
    /// No answer from the registry.
    ApiKeyRequestFailed = "CLI_API_KEY_REQUEST_FAILED", Unavailable, "check the registry URL, and that the registry runs";
    /// The registry refused without a name for it.
    ApiKeyCreateFailed = "CLI_API_KEY_CREATE_FAILED", Unavailable;
    /// The registry refused without a name for it.
    ApiKeyListFailed = "CLI_API_KEY_LIST_FAILED", Unavailable;
    /// The registry refused without a name for it.
    ApiKeyRevokeFailed = "CLI_API_KEY_REVOKE_FAILED", Unavailable;
    /// The registry's answer is not what it should be.
    ApiKeyInvalidResponse = "CLI_API_KEY_INVALID_RESPONSE", Unavailable;

    /// An agent name that cannot be a directory.
    AgentNameInvalid = "CLI_AGENT_NAME_INVALID", Input, "use 1 to 64 letters, digits, '.', '_' and '-'";
    /// The agent is there already.
    AgentExists = "CLI_AGENT_EXISTS", Conflict, "choose another name, or move the directory away";
    /// No such agent here.
    AgentNotFound = "CLI_AGENT_NOT_FOUND", NotFound, "create it with `clawdentity agent create <NAME>`";
    /// A file of the agent is missing or not what it should be.
    AgentFileInvalid = "CLI_AGENT_FILE_INVALID", Input, "restore the file; without it, create another agent with `clawdentity agent create <NAME>`";
    /// No API key to authenticate with.
    AgentMissingLocalCredentials = "CLI_AGENT_MISSING_LOCAL_CREDENTIALS", Unauthenticated, "run `clawdentity invite redeem`, or `clawdentity config set apiKey -`";
    /// No answer from the registry.
    AgentRequestFailed = "CLI_AGENT_REQUEST_FAILED", Unavailable, "check the registry URL, and that the registry runs";
    /// The registry refused without a name for it.
    AgentCreateFailed = "CLI_AGENT_CREATE_FAILED", Unavailable;
    /// The registry's answer is not what it should be.
    AgentInvalidResponse = "CLI_AGENT_INVALID_RESPONSE", Unavailable;
    /// The registry refused without a name for it.
    AgentAuthRefreshFailed = "CLI_AGENT_AUTH_REFRESH_FAILED", Unavailable;
    /// The registry refused without a name for it.
    AgentAuthRevokeFailed = "CLI_AGENT_AUTH_REVOKE_FAILED", Unavailable;
    /// The agent's session tokens are missing.
    EmptyAgentCredentials = "CLI_OPENCLAW_EMPTY_AGENT_CREDENTIALS", NotFound, "create the agent anew with `clawdentity agent create`";

    /// No such agent, or its token or key is missing.
    PairAgentNotFound = "CLI_PAIR_AGENT_NOT_FOUND", NotFound, "run `clawdentity agent create <NAME>`, or `clawdentity agent auth refresh <NAME>`";
    /// Nobody to present to the peer.
    PairHumanNameMissing = "CLI_PAIR_HUMAN_NAME_MISSING", Input, "run `clawdentity config set humanName <NAME>`";
    /// A profile name breaks its rule.
    PairProfileInvalid = "CLI_PAIR_PROFILE_INVALID", Input, "names have 1 to 64 characters, none of them a control character";
    /// The configured relay URL is malformed.
    PairProxyUrlInvalid = "CLI_PAIR_PROXY_URL_INVALID", Input, "run `clawdentity config set proxyUrl <URL>`";
    /// The relay URL of the environment or the registry is malformed.
    PairInvalidProxyUrl = "CLI_PAIR_INVALID_PROXY_URL", Input, "a relay URL is an origin such as https://relay.example";
    /// The configured relay is not the registry's.
    PairProxyUrlMismatch = "CLI_PAIR_PROXY_URL_MISMATCH", Input, "run `clawdentity config init` to take over the registry's, or set CLAWDENTITY_PROXY_URL";
    /// No answer from the relay.
    PairRequestFailed = "CLI_PAIR_REQUEST_FAILED", Unavailable, "check the relay's URL, its name and the firewall";
    /// `--ttl-seconds` is not a positive integer.
    PairStartInvalidTtl = "CLI_PAIR_START_INVALID_TTL", Input, "pass 1 to 900 seconds";
    /// The relay refused without a name for it.
    PairStartFailed = "CLI_PAIR_START_FAILED", Unavailable;
    /// The relay's answer is not what it should be.
    PairStartInvalidResponse = "CLI_PAIR_START_INVALID_RESPONSE", Unavailable;
    /// The QR image could not be written.
    PairQrWriteFailed = "CLI_PAIR_QR_WRITE_FAILED", Internal;
    /// Neither ticket nor image.
    PairConfirmTicketRequired = "CLI_PAIR_CONFIRM_TICKET_REQUIRED", Input, "pass --ticket <clwpair1_...> or --qr-file <PNG>";
    /// Both ticket and image.
    PairConfirmInputConflict = "CLI_PAIR_CONFIRM_INPUT_CONFLICT", Input, "pass --ticket or --qr-file, not both";
    /// Not a ticket.
    PairConfirmTicketInvalid = "CLI_PAIR_CONFIRM_TICKET_INVALID", Input, "ask the initiator for a new ticket";
    /// No such image.
    PairConfirmQrFileNotFound = "CLI_PAIR_CONFIRM_QR_FILE_NOT_FOUND", NotFound, "check the path";
    /// The path cannot be read as a file.
    PairConfirmQrFileRequired = "CLI_PAIR_CONFIRM_QR_FILE_REQUIRED", Input, "name a PNG file that you may read";
    /// Not a PNG image, or a broken one.
    PairConfirmQrFileInvalid = "CLI_PAIR_CONFIRM_QR_FILE_INVALID", Input, "ask the initiator for a new image";
    /// No pairing code in the image.
    PairConfirmQrNotFound = "CLI_PAIR_CONFIRM_QR_NOT_FOUND", NotFound, "ask the initiator for a new image";
    /// The relay refused without a name for it.
    PairConfirmFailed = "CLI_PAIR_CONFIRM_FAILED", Unavailable, "ask the initiator for a new ticket";
    /// The relay's answer is not what it should be.
    PairConfirmInvalidResponse = "CLI_PAIR_CONFIRM_INVALID_RESPONSE", Unavailable;
    /// The ticket is another relay's.
    PairTicketIssuerMismatch = "CLI_PAIR_TICKET_ISSUER_MISMATCH", Input;
    /// No ticket.
    PairStatusTicketRequired = "CLI_PAIR_STATUS_TICKET_REQUIRED", Input, "pass --ticket <clwpair1_...>";
    /// Not a ticket.
    PairStatusTicketInvalid = "CLI_PAIR_STATUS_TICKET_INVALID", Input, "pass the ticket as `clawdentity pair start` printed it";
    /// A wait option is not a positive integer.
    PairStatusWaitInvalid = "CLI_PAIR_STATUS_WAIT_INVALID", Input, "pass a positive number of seconds";
    /// Nobody confirmed in time.
    PairStatusWaitTimeout = "CLI_PAIR_STATUS_WAIT_TIMEOUT", Unavailable, "make a new ticket with `clawdentity pair start`";
    /// The pairing is between others.
    PairStatusForbidden = "CLI_PAIR_STATUS_FORBIDDEN", Forbidden, "ask as the agent that started or confirmed the pairing";
    /// The relay refused without a name for it.
    PairStatusFailed = "CLI_PAIR_STATUS_FAILED", Unavailable;
    /// The relay's answer is not what it should be.
    PairStatusInvalidResponse = "CLI_PAIR_STATUS_INVALID_RESPONSE", Unavailable;
    /// The relay refused the list without a name for it.
    PairListFailed = "CLI_PAIR_LIST_FAILED", Unavailable;
    /// The relay refused the removal without a name for it.
    PairRemoveFailed = "CLI_PAIR_REMOVE_FAILED", Unavailable;
    /// Neither an alias of `peers.json` nor an agent DID.
    PairPeerUnknown = "CLI_PAIR_PEER_UNKNOWN", NotFound, "`clawdentity pair list <AGENT>` shows the peers";
    /// `peers.json` is not what it should be.
    PairPeersConfigInvalid = "CLI_PAIR_PEERS_CONFIG_INVALID", Input, "correct the file, or move it away and pair again";
    /// An alias breaks its rule.
    PairPeerAliasInvalid = "CLI_PAIR_PEER_ALIAS_INVALID", Input, "pair again";

    /// No relay to connect to.
    ConnectorProxyUrlRequired = "CLI_CONNECTOR_PROXY_URL_REQUIRED", Input, "run `clawdentity invite redeem`, or set CLAWDENTITY_PROXY_URL or CLAWDENTITY_PROXY_WS_URL";
    /// The relay's URL is malformed.
    ConnectorInvalidProxyUrl = "CLI_CONNECTOR_INVALID_PROXY_URL", Input, "a relay URL begins with wss:// or https://; ws:// and http:// are for this machine only";
    /// `registry-auth.json` is not what it should be.
    ConnectorInvalidRegistryAuth = "CLI_CONNECTOR_INVALID_REGISTRY_AUTH", Input, "run `clawdentity agent auth refresh <NAME>`";
    /// `identity.json` is not what it should be.
    ConnectorInvalidAgentIdentity = "CLI_CONNECTOR_INVALID_AGENT_IDENTITY", Input, "create the agent anew with `clawdentity agent create <NAME>`";
    /// A file of the agent is missing.
    ConnectorMissingAgentMaterial = "CLI_CONNECTOR_MISSING_AGENT_MATERIAL", NotFound, "create the agent with `clawdentity agent create <NAME>`";
    /// `ait.jwt` or `secret.key` is not what it should be.
    ConnectorInvalidAit = "CLI_CONNECTOR_INVALID_AIT", Input, "create the agent anew with `clawdentity agent create <NAME>`";
    /// An option or variable of the connector is malformed.
    ConnectorInvalidInput = "CLI_CONNECTOR_INVALID_INPUT", Input;
    /// `CLAWDENTITY_CONNECTOR_BASE_URL` or an assignment is malformed.
    ConnectorInvalidBaseUrl = "CLI_CONNECTOR_INVALID_BASE_URL", Input, "such as http://127.0.0.1:19400";
    /// `openclaw-connectors.json` is not what it should be.
    ConnectorInvalidAssignments = "CLI_CONNECTOR_INVALID_ASSIGNMENTS", Input, "correct the file or move it away";
    /// Asked to listen for other machines without a token.
    ConnectorBindRefused = "CLI_CONNECTOR_BIND_REFUSED", Input, "add --require-token, or bind to a loopback address";
    /// The local address is taken or cannot be had.
    ConnectorBindFailed = "CLI_CONNECTOR_BIND_FAILED", Conflict, "stop the other process, or choose another --port";
    /// The connector stopped by itself.
    ConnectorFailed = "CLI_CONNECTOR_FAILED", Internal;

    /// The registry could not be asked, and nothing is remembered of it.
    VerifyUnavailable = "CLI_VERIFY_UNAVAILABLE", Unavailable, "check the registry URL, and that the registry runs";
    /// The token is not to be trusted.
    VerifyFailed = "CLI_VERIFY_FAILED", Unauthenticated;
    /// Something that `doctor` looked at is wrong.
    DoctorUnhealthy = "CLI_DOCTOR_UNHEALTHY", Conflict;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_one_and_begins_as_the_skill_says() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("CLI_")));
    }
}
