// Content of the official types.
//
// Types are the SDK's names with a small first letter (text, markdown, reaction, readReceipt, attachment, remoteAttachment,
// multiRemoteAttachment, transactionReference, walletSendCalls, actions, intent, reply), content has the SDK's own shape. A
// reply's `content` is a {type, content} of its own. "encoded" is an EncodedContent as it is, for types that no SDK knows.

/** A function (type, content) -> EncodedContent, for all types but replies. `bindings` are those of generation 4. */
export function encoder(api, bindings) {
  return (type, content) => {
    if (type === "encoded") return { parameters: {}, ...content };
    const name = `encode${type.charAt(0).toUpperCase()}${type.slice(1)}`;
    if (!bindings) {
      if (!api[name]) throw new Error(`no content type ${type}`);
      return api[name](content ?? {});
    }
    if (type === "text" || type === "markdown") return plain(type, content);
    if (!bindings[name]) throw new Error(`this SDK cannot encode ${type}`);
    return bindings.deserializeEncodedContent(bindings[name](arrays(content ?? {})));
  };
}

/** A function that sends content, of whatever type, into a conversation. */
export function sender(generation, encode, bindings) {
  return (conversation, type, content, { optimistic = false, idempotencyKey }) => {
    if (idempotencyKey && generation < 6) throw new Error("this SDK chooses idempotency keys itself");
    const options = { optimistic, idempotencyKey };
    if (type === "reply") {
      const reply = { ...content, content: encode(content.content.type, content.content.content) };
      if (generation > 4) return conversation.sendReply(reply, generation === 5 ? optimistic : options);
      const encoded = bindings.deserializeEncodedContent(bindings.encodeReply(reply));
      return optimistic ? conversation.sendOptimistic(encoded, any) : conversation.send(encoded, any);
    }
    const encoded = encode(type, content);
    if (generation > 4) return conversation.send(encoded, { shouldPush: true, ...options });
    return optimistic ? conversation.sendOptimistic(encoded, any) : conversation.send(encoded, any);
  };
}

const plain = (typeId, text) => ({
  type: { authorityId: "xmtp.org", typeId, versionMajor: 1, versionMinor: 0 },
  parameters: { encoding: "UTF-8" },
  content: new TextEncoder().encode(text),
});

// Where these bindings want lists of numbers and others want bytes.
const listed = ["content", "secret", "salt", "nonce"];
const each = (content, change) =>
  Object.fromEntries(Object.entries(content).map(([name, value]) => [name, listed.includes(name) ? change(value) : value]));
const arrays = (content) => each(content, (value) => (value instanceof Uint8Array ? Array.from(value) : value));
const bytes = (content) => each(content, (value) => (Array.isArray(value) ? Uint8Array.from(value) : value));

// Generation 4 sends by codec. This name leads to one that hands through what is encoded already.
const any = named("chancery.test/any:1.0");

/** A content type from a name like "xmtp.org/text:1.0", as the SDK's own class looks from outside. */
function named(name) {
  const [authorityId, rest] = name.split("/");
  const [typeId, version] = rest.split(":");
  const [versionMajor, versionMinor] = version.split(".").map(Number);
  const type = { authorityId, typeId, versionMajor, versionMinor };
  type.toString = () => name;
  type.sameAs = (other) => other.authorityId === authorityId && other.typeId === typeId;
  return type;
}

const codec = (name, decode) => ({
  contentType: named(name),
  encode: (content) => content,
  decode,
  fallback: (content) => content.fallback,
  shouldPush: () => true,
});

/** Codecs that hand through content of types that no SDK knows, named like "convos.org/join_request:1.0". */
export const through = (types) => types.map((name) => codec(name, (encoded) => encoded));

/** The codecs that generation 4 does not bring, for reading with its `bindings` in the shapes of 5 and 6. */
export function codecs(bindings) {
  const text = (encoded) => new TextDecoder().decode(encoded.content);
  const read = (name) => (encoded) => bytes(bindings[`decode${name}`](bindings.serializeEncodedContent(encoded)));
  const plainOf = { text, markdown: text };
  const reply = (encoded) => {
    const { reference, content } = bindings.decodeReply(bindings.serializeEncodedContent(encoded));
    const decode = plainOf[content.type.typeId];
    return { referenceId: reference, content: decode ? decode(content) : content, contentType: content.type };
  };
  return [
    codec("chancery.test/any:1.0", (encoded) => encoded),
    codec("xmtp.org/markdown:1.0", text),
    codec("xmtp.org/reaction:1.0", read("Reaction")),
    codec("xmtp.org/reaction:2.0", read("Reaction")),
    codec("xmtp.org/readReceipt:1.0", read("ReadReceipt")),
    codec("xmtp.org/reply:1.0", reply),
    codec("xmtp.org/attachment:1.0", read("Attachment")),
    codec("xmtp.org/remoteStaticAttachment:1.0", read("RemoteAttachment")),
    codec("xmtp.org/multiRemoteStaticAttachment:1.0", (encoded) => ({
      attachments: read("MultiRemoteAttachment")(encoded).attachments.map(bytes),
    })),
    codec("xmtp.org/transactionReference:1.0", read("TransactionReference")),
    codec("xmtp.org/walletSendCalls:1.0", read("WalletSendCalls")),
    codec("xmtp.org/leave_request:1.0", read("LeaveRequest")),
    codec("coinbase.com/actions:1.0", read("Actions")),
    codec("coinbase.com/intent:1.0", read("Intent")),
  ];
}
