// One shape in JSON for what the generations of the SDK return in different ones.

/** For JSON.stringify: bytes as {"hex"}, what no double holds as a decimal string. */
export function toJson(_key, value) {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  // a Buffer has become this before it gets here
  if (value?.type === "Buffer" && Array.isArray(value.data)) return { hex: Buffer.from(value.data).toString("hex") };
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

/** For JSON.parse: {"hex"} as bytes. */
export function fromJson(_key, value) {
  if (typeof value?.hex === "string" && Object.keys(value).length === 1) {
    return new Uint8Array(Buffer.from(value.hex, "hex"));
  }
  return value;
}

/** A getter of one generation is a method of another. */
export const read = (object, name) => (typeof object[name] === "function" ? object[name]() : object[name]);

export const consentStates = ["unknown", "allowed", "denied"];
const levels = ["member", "admin", "superAdmin"];
export const policies = ["allow", "deny", "admin", "superAdmin", "doesNotExist", "other"];
const kinds = ["dm", "group", "sync", "oneshot"];

const typeName = (type) =>
  type && `${type.authorityId}/${type.typeId}:${type.versionMajor}.${type.versionMinor}`;

/**
 * A message. `content` is what the SDK made of it: a string for text and markdown, an object for other types, an EncodedContent
 * for those that `create` was told of, null for unknown ones.
 */
export function message(value) {
  const kind = value.kind === 1 || value.kind === "membership_change" ? "membership" : "application";
  const status = ["unpublished", "published", "failed"][value.deliveryStatus] ?? value.deliveryStatus;
  let content = value.content;
  if (content?.inReplyTo) content = { ...content, inReplyTo: content.inReplyTo.id };
  return {
    id: value.id,
    conversation: value.conversationId,
    sender: value.senderInboxId,
    sentNs: BigInt(value.sentAtNs),
    kind,
    status,
    type: typeName(value.contentType),
    fallback: value.fallback ?? null,
    content: content ?? null,
    // 5 and 6 hang reactions on what they react to, 4 lists them with the messages
    reactions: (value.reactions ?? []).map(message),
  };
}

/** A conversation, without its members and messages. */
export async function conversation(value, group) {
  const metadata = await value.metadata();
  const type = metadata.conversationType;
  const common = {
    id: value.id,
    kind: typeof type === "number" ? kinds[type] : type,
    active: value.isActive,
    createdNs: BigInt(value.createdAtNs),
    creator: metadata.creatorInboxId,
    addedBy: value.addedByInboxId,
    consent: consentStates[read(value, "consentState")],
    pausedFor: value.pausedForVersion() ?? null,
  };
  if (!group) return { ...common, peer: value.peerInboxId };
  return {
    ...common,
    name: value.name,
    description: value.description,
    imageUrl: value.imageUrl,
    appData: value.appData,
    admins: [...(value.admins ?? value.listAdmins())].sort(),
    superAdmins: [...(value.superAdmins ?? value.listSuperAdmins())].sort(),
  };
}

/** A member with its installations. */
export const member = (value) => ({
  inboxId: value.inboxId,
  installations: [...value.installationIds].sort(),
  level: levels[value.permissionLevel],
  addresses: value.accountIdentifiers.map((identifier) => identifier.identifier).sort(),
  consent: consentStates[value.consentState],
});

/** An inbox as the identity log tells it. */
export const inbox = (value) => ({
  inboxId: value.inboxId,
  recovery: value.recoveryIdentifier.identifier,
  addresses: (value.identifiers ?? value.accountIdentifiers).map((identifier) => identifier.identifier).sort(),
  installations: value.installations.map((installation) => installation.id).sort(),
});

// A row of the SDK's own log of commits, which it gives as Rust's debug text. Authenticators come cut to six digits.
const applied =
  /commit_sequence_id: (\d+)[^}]*?commit_result: Success[^}]*?applied_epoch_number: (\d+), applied_epoch_authenticator: "([0-9a-f]+)/g;

/** What a client can say about forks: members of one group have the same authenticator in the same epoch. */
export const debug = (value) => ({
  epoch: Number(value.epoch),
  maybeForked: value.maybeForked,
  forkDetails: value.forkDetails,
  commitLogForked: value.isCommitLogForked ?? null,
  authenticators: Object.fromEntries(
    Array.from(value.localCommitLog.matchAll(applied), ([, , epoch, authenticator]) => [epoch, authenticator]),
  ),
  applied: Object.fromEntries(
    Array.from(value.localCommitLog.matchAll(applied), ([, sequence, epoch]) => [epoch, Number(sequence)]),
  ),
  localCommitLog: value.localCommitLog,
  remoteCommitLog: value.remoteCommitLog,
});
