// What can be asked for. Each operation is a function of its parameters; every one but `create` names a `client`, those on a
// conversation its id as well.
import * as events from "./events.mjs";
import { measured } from "./measured.mjs";
import * as shape from "./shapes.mjs";

/** The operations, on clients of one SDK; `say` writes a line. */
export function operations(sdk, say) {
  const clients = new Map(); // name -> the SDK's client
  const streams = new Map(); // client/stream -> the SDK's stream
  const the = ({ client }) => {
    const found = clients.get(client);
    if (!found) throw new Error(`no client ${client}`);
    return found;
  };
  const conversation = async (parameters) => {
    const found = await the(parameters).conversations.getConversationById(parameters.conversation);
    if (!found) throw new Error(`${parameters.client} has no conversation ${parameters.conversation}`);
    return found;
  };
  const described = (value) => shape.conversation(value, sdk.isGroup(value));
  const identifier = (address) => ({ identifier: address, identifierKind: 0 });
  const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));

  return {
    // --- clients ---

    // {wallet, db?, dbKey?, deviceSync?, historyUrl?, register?, workers?, types?}: a new installation unless db has one;
    // without db it lives in memory. `workers` sets intervals in ms by kind, where the SDK can (6). `types` are content types
    // that the SDK does not know and hands through.
    create: async (parameters) => {
      const signer = sdk.wallet(parameters.wallet);
      const client = await sdk.create(signer, parameters);
      clients.set(parameters.client, client);
      return {
        inboxId: client.inboxId,
        installationId: client.installationId,
        address: signer.getIdentifier().identifier,
        registered: client.isRegistered,
        libxmtp: client.libxmtpVersion,
      };
    },
    // Only the newest can close its database; of the others the process must end.
    close: async (parameters) => {
      const client = the(parameters);
      clients.delete(parameters.client);
      await client.close?.();
    },
    inboxIdOf: (parameters) => sdk.inboxIdOf(the(parameters), identifier(parameters.address)),
    canMessage: (parameters) => the(parameters).canMessage(parameters.addresses.map(identifier)),
    inboxStates: async (parameters) => (await sdk.inboxStates(the(parameters), parameters.inboxIds)).map(shape.inbox),
    revokeInstallations: (parameters) => the(parameters).revokeInstallations(parameters.installations.map(bytes)),
    revokeOtherInstallations: (parameters) => the(parameters).revokeAllOtherInstallations(),
    addAccount: (parameters) => the(parameters).unsafe_addAccount(sdk.wallet(parameters.wallet), parameters.reassign),
    removeAccount: (parameters) => the(parameters).removeAccount(identifier(parameters.address)),
    changeRecovery: (parameters) => the(parameters).changeRecoveryIdentifier(identifier(parameters.address)),
    keyPackages: (parameters) => sdk.keyPackages(the(parameters), parameters.installations),
    apiStatistics: (parameters) => {
      const { debugInformation } = the(parameters);
      return { ...debugInformation.apiStatistics(), ...debugInformation.apiIdentityStatistics() };
    },

    // --- what is on the network ---

    sync: (parameters) => the(parameters).conversations.sync(),
    syncAll: (parameters) => the(parameters).conversations.syncAll(),
    syncPreferences: (parameters) => the(parameters).preferences.sync(),
    sendSyncRequest: (parameters) => sdk.sendSyncRequest(the(parameters), parameters.historyUrl),

    // --- consent; `kind` is group or inbox ---

    consent: async ({ kind, entity, ...parameters }) => {
      const { preferences } = the(parameters);
      return shape.consentStates[await preferences.getConsentState(kind === "group" ? 0 : 1, entity)];
    },
    setConsent: ({ kind, entity, state, ...parameters }) => {
      const record = { entityType: kind === "group" ? 0 : 1, entity, state: shape.consentStates.indexOf(state) };
      return the(parameters).preferences.setConsentStates([record]);
    },

    // --- conversations ---

    newGroup: async ({ members, name, description, permissions, ...parameters }) => {
      const policy = ["default", "adminOnly"].indexOf(permissions ?? "default");
      const options = { groupName: name, groupDescription: description, permissions: policy };
      return described(await sdk.newGroup(the(parameters), members, options));
    },
    newDm: async (parameters) => described(await sdk.newDm(the(parameters), parameters.peer)),
    dmWith: async (parameters) => {
      const found = the(parameters).conversations.getDmByInboxId(parameters.peer);
      return found ? described(found) : null;
    },
    conversations: async (parameters) => Promise.all((await the(parameters).conversations.list()).map(described)),
    conversation: async (parameters) => described(await conversation(parameters)),
    syncConversation: async (parameters) => (await conversation(parameters)).sync(),
    duplicateDms: async (parameters) =>
      (await sdk.duplicateDms(await conversation(parameters))).map((duplicate) => duplicate.id),
    debug: async (parameters) => shape.debug(await (await conversation(parameters)).debugInfo()),

    // --- messages ---

    // -> the message id, once the node has it; with `optimistic` before, and then `publish` sends what waits
    send: async ({ type, content, ...parameters }) =>
      sdk.send(await conversation(parameters), type, content, parameters),
    publish: async (parameters) => (await conversation(parameters)).publishMessages(),
    messages: async (parameters) => (await (await conversation(parameters)).messages()).map(shape.message),
    ...measured(sdk, conversation),

    // --- members and what they may ---

    members: async (parameters) => (await (await conversation(parameters)).members()).map(shape.member),
    addMembers: async (parameters) => (await conversation(parameters)).addMembers(parameters.members),
    removeMembers: async (parameters) => (await conversation(parameters)).removeMembers(parameters.members),
    leave: async (parameters) => (await conversation(parameters)).requestRemoval(),
    addAdmin: async (parameters) => (await conversation(parameters)).addAdmin(parameters.member),
    removeAdmin: async (parameters) => (await conversation(parameters)).removeAdmin(parameters.member),
    addSuperAdmin: async (parameters) => (await conversation(parameters)).addSuperAdmin(parameters.member),
    removeSuperAdmin: async (parameters) => (await conversation(parameters)).removeSuperAdmin(parameters.member),
    rename: async (parameters) => (await conversation(parameters)).updateName(parameters.name),
    describe: async (parameters) => (await conversation(parameters)).updateDescription(parameters.description),
    setImageUrl: async (parameters) => (await conversation(parameters)).updateImageUrl(parameters.url),
    setAppData: async (parameters) => (await conversation(parameters)).updateAppData(parameters.data),
    permissions: async (parameters) => {
      const { policySet } = sdk.permissions(await conversation(parameters));
      return Object.fromEntries(Object.entries(policySet).map(([name, policy]) => [name, shape.policies[policy]]));
    },
    // `kind`: addMember, removeMember, addAdmin, removeAdmin, updateMetadata (then with a field of the SDK's MetadataField)
    setPermission: async ({ kind, policy, field, ...parameters }) => {
      const kinds = ["addMember", "removeMember", "addAdmin", "removeAdmin", "updateMetadata"];
      const metadata = field && sdk.metadataField(field);
      const group = await conversation(parameters);
      return group.updatePermission(kinds.indexOf(kind), shape.policies.indexOf(policy), metadata);
    },
    // messages vanish `inNs` after they were sent, those sent after `fromNs`; both decimal strings
    setDisappearing: async ({ fromNs, inNs, ...parameters }) => {
      const number = sdk.generation === 4 ? Number : BigInt;
      return (await conversation(parameters)).updateMessageDisappearingSettings(number(fromNs), number(inNs));
    },
    disappearing: async (parameters) => (await conversation(parameters)).messageDisappearingSettings() ?? null,

    // --- streams: `kind` is messages, conversations, consent or preferences; with a conversation its messages ---

    openStream: async ({ client, stream, kind, ...parameters }) => {
      const name = `${client}/${stream}`;
      if (streams.has(name)) throw new Error(`stream ${name} is open`);
      const one = parameters.conversation && (await conversation({ client, ...parameters }));
      const emit = (event, value) => say({ client, stream, event, value });
      streams.set(name, await events.open(sdk, the({ client }), kind ?? "messages", one, emit));
    },
    closeStream: async ({ client, stream }) => {
      const name = `${client}/${stream}`;
      await streams.get(name)?.end();
      streams.delete(name);
    },
  };
}
