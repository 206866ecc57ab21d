// Records what the official SDKs make of each content type, for crates/xmtp-wire/tests/content_official.rs:
//
//     node vectors/xmtp-content.mjs FOLDER CODECS > vectors/xmtp-content.json
//
// FOLDER is where tests/xmtp/package.json is installed (CONTRIBUTING.md), CODECS where @xmtp/content-type-reaction 2.0.2 is,
// which reads and writes reactions as they were before version 2. Values are in the SDK's own shape; bytes are hex. The
// bindings of SDK 5.5.0 encode into members, those of 4.6.0 make bytes of them and encode what 5.5.0 does not. Maps have no
// order on the wire: a second run differs in that. Message ids and keys are computed with Node's own cryptography.
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync, deflateSync, deflateRawSync } from "node:zlib";

const folder = join(process.argv[2], "node_modules");
const from = (sdk) => createRequire(join(folder, sdk, "package.json"))("@xmtp/node-bindings");
const [four, five] = [from("xmtp-node-sdk-4"), from("xmtp-node-sdk-5")];

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const inbox = "ab".repeat(32);
const message = "cd".repeat(32);
const secrets = { secret: Buffer.alloc(32, 1), salt: Buffer.alloc(32, 2), nonce: Buffer.alloc(12, 3) };
const remote = {
  url: "https://files.example.test/a?b=c",
  contentDigest: "0f".repeat(32),
  ...secrets,
  scheme: "https://",
  contentLength: 4_294_967_295,
  filename: "report.pdf",
};
const reaction = (action, schema, content, referenceInboxId) => ({
  reference: message,
  referenceInboxId,
  action,
  content,
  schema,
});
const money = { namespace: "eip155", networkId: "0x1", reference: "0x" + "12".repeat(32) };

const byFive = {
  text: ["Hello, 世界 👋", ""],
  markdown: ["# Title\n\n*text*"],
  reaction: [
    reaction(1, 1, "👍", inbox),
    reaction(2, 2, ":thumbsup:", ""),
    reaction(1, 3, "whatever", inbox),
    reaction(0, 0, "", ""),
  ],
  readReceipt: [{}],
  attachment: [
    { filename: "a.txt", mimeType: "text/plain", content: Buffer.from("content") },
    { mimeType: "application/octet-stream", content: Buffer.alloc(0) },
  ],
  remoteAttachment: [remote, { ...remote, contentLength: 0, filename: undefined }],
  multiRemoteAttachment: [
    { attachments: [remote, { ...remote, contentLength: undefined, filename: undefined }] },
    { attachments: [] },
  ],
  transactionReference: [
    money,
    {
      ...money,
      metadata: {
        transactionType: "transfer",
        currency: "USDC",
        amount: 100.5,
        decimals: 6,
        fromAddress: "0xaa",
        toAddress: "0xbb",
      },
    },
    { networkId: "1", reference: "" },
  ],
  walletSendCalls: [
    {
      version: "1.0",
      chainId: "0x2105",
      from: "0xaa",
      calls: [
        { to: "0xbb", data: "0x00", value: "0x1", gas: "0x5208", metadata: { description: "Pay", transactionType: "transfer" } },
        {},
      ],
      capabilities: { paymasterService: "https://pay.example.test" },
    },
    { version: "1.0", chainId: "0x1", from: "0xaa", calls: [] },
  ],
};

// JSON has no bytes
const shown = (value) =>
  value instanceof Uint8Array
    ? { hex: hex(value) }
    : Array.isArray(value)
      ? value.map(shown)
      : value && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]))
        : value;

const cases = [];
const record = (type, sdk, value, encoded) => cases.push({ type, sdk, value: shown(value), encoded: hex(encoded) });
for (const [type, values] of Object.entries(byFive)) {
  for (const value of values) {
    const encoded = five[`encode${type[0].toUpperCase()}${type.slice(1)}`](value);
    record(type, "5.5.0", value, four.serializeEncodedContent(encoded));
  }
}
for (const content of [five.encodeText("Hi"), five.encodeReaction(byFive.reaction[0])]) {
  for (const referenceInboxId of [inbox, undefined]) {
    const encoded = four.encodeReply({ reference: message, referenceInboxId, content });
    record("reply", "4.6.0", { reference: message, referenceInboxId, content }, encoded);
  }
}
for (const value of [{}, { authenticatedNote: Buffer.from("note") }]) {
  record("leaveRequest", "4.6.0", value, four.encodeLeaveRequest(value));
}

const { ReactionCodec } = await import(
  createRequire(join(process.argv[3], "package.json")).resolve("@xmtp/content-type-reaction")
);
const codec = new ReactionCodec();
const legacy = (value, type, parameters, content) => {
  const read = codec.decode({ type, parameters, content });
  if (read.content !== value.content || read.action !== value.action) throw new Error("the codec reads something else");
  record("legacyReaction", "content-type-reaction 2.0.2", value, four.serializeEncodedContent({ type, parameters, content }));
};
for (const value of [
  { reference: message, referenceInboxId: inbox, action: "added", content: "👍", schema: "unicode" },
  { reference: message, action: "removed", content: ":x:", schema: "shortcode" },
]) {
  const { type, parameters, content } = codec.encode(value);
  legacy(value, { ...type }, parameters, content);
  // before it was JSON
  const { reference, action, schema } = value;
  legacy({ reference, action, schema, content: value.content }, { ...type }, { reference, action, schema }, Buffer.from(value.content));
}

// what zlib of another implementation makes, and with which header
const plain = Buffer.from("a text that is long enough to be worth it: ".repeat(20));
const compressed = {
  plain: hex(plain),
  gzip: hex(gzipSync(plain)),
  zlib: hex(deflateSync(plain)),
  deflate: hex(deflateRawSync(plain)),
};

const group = Buffer.alloc(16, 7);
const body = Buffer.from("content");
const id = (key) => hex(createHash("sha256").update(group).update(`\t${key}\t`).update(body).digest());
const root = Buffer.alloc(42, 9);
const epoch = 673;
const info = Buffer.concat([group, Buffer.alloc(8)]);
info.writeBigInt64LE(BigInt(epoch), group.length);
const key = Buffer.from(hkdfSync("sha256", Buffer.concat([root, group]), "libXMTP HKDF salt!", info, 42));

console.log(
  JSON.stringify(
    {
      note: "made by xmtp-content.mjs from @xmtp/node-sdk 5.5.0 (bindings 1.9.1) and 4.6.0 (bindings 1.6.8)",
      cases,
      compressed,
      messageId: { group: hex(group), content: hex(body), ids: { 1700000000000000000: id("1700000000000000000"), "": id("") } },
      hmac: { root: hex(root), group: hex(group), epoch, key: hex(key), data: hex(body), hmac: hex(createHmac("sha256", key).update(body).digest()) },
    },
    null,
    1,
  ),
);
