// Records how the official SDKs build inboxes, and what they say to logs of ours:
//
//     node vectors/xmtp-identity.mjs FOLDER sessions > vectors/xmtp-identity.json
//     node vectors/xmtp-identity.mjs FOLDER cases < CASES > vectors/xmtp-identity-cases.json
//
// FOLDER is where tests/xmtp/package.json is installed (tests/xmtp/install.sh --where). CASES is what the test
// `print_the_logs` of crates/xmtp-wire/tests/identity_cases.rs prints after the word CASES. The server here judges nothing: it
// keeps updates byte for byte and hands them out. Installations, the passkey and times are new in each run of `sessions`.
import { spawnSync } from "node:child_process";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [folder, what, generation] = process.argv.slice(2);
const require = createRequire(join(folder, "node_modules", "x.js"));

// One process a generation: their libraries do not share one.
if (!generation) {
  const input = what === "cases" ? readFileSync(0) : undefined;
  const answers = ["4", "5", "6"].map((each) => {
    const run = spawnSync(process.execPath, [process.argv[1], folder, what, each], { input, stdio: ["pipe", "pipe", "inherit"], maxBuffer: 1 << 28 });
    if (run.status !== 0) throw new Error(`generation ${each} ended with ${run.status}`);
    return JSON.parse(run.stdout);
  });
  process.stdout.write(`${JSON.stringify(what === "cases" ? together(answers) : { sessions: answers }, null, 1)}\n`);
  process.exit(0);
}

function together(answers) {
  const cases = {};
  for (const [name, { log }] of Object.entries(answers[0].cases)) {
    const verdicts = Object.fromEntries(answers.map(({ sdk, cases }) => [sdk, cases[name].verdict]));
    cases[name] = { log, verdicts };
  }
  return cases;
}

const protobuf = require("protobufjs");
const root = new protobuf.Root();
root.resolvePath = (_, target) => (target.startsWith("google/") ? target : join(here, "../crates/xmtp-wire/proto", target));
await root.load(["xmtp/identity/api/v1.proto", "xmtp/mls/api/v1.proto"], { keepCase: true });
const api = "xmtp.identity.api.v1.";
const encode = (name, value) => Buffer.from(root.lookupType(name).encode(root.lookupType(name).fromObject(value)).finish());
const decode = (name, bytes) => root.lookupType(name).toObject(root.lookupType(name).decode(bytes), { longs: String });

/** Inbox id to its log: sequence id and bytes. */
const logs = new Map();
/** Address to inbox id. */
const inboxes = new Map();
const published = [];
let sequence = 0;

function keep(inbox, bytes) {
  if (!logs.has(inbox)) logs.set(inbox, []);
  logs.get(inbox).push({ id: ++sequence, bytes });
}

/** A length-delimited field, written by hand: bytes go out as they came in. */
const field = (number, bytes) => Buffer.concat([protobuf.Writer.create().uint32((number << 3) | 2).bytes(bytes).finish()]);

const methods = {
  PublishIdentityUpdate(body) {
    const { identity_update: update } = decode(`${api}PublishIdentityUpdateRequest`, body);
    // field 1 of the request
    const bytes = Buffer.from(protobuf.Reader.create(body.subarray(1)).bytes());
    keep(update.inbox_id, bytes);
    for (const { create_inbox: create, add } of update.actions) {
      const identifier = create?.initial_identifier ?? add?.new_member_identifier?.ethereum_address;
      if (identifier) inboxes.set(identifier, update.inbox_id);
    }
    published.push(bytes.toString("hex"));
    return Buffer.alloc(0);
  },
  GetIdentityUpdates(body) {
    const { requests = [] } = decode(`${api}GetIdentityUpdatesRequest`, body);
    return Buffer.concat(
      requests.map(({ inbox_id: inbox, sequence_id: after = 0 }) => {
        const entries = (logs.get(inbox) ?? []).filter(({ id }) => id > Number(after));
        const written = entries.map(({ id, bytes }) => {
          const numbers = protobuf.Writer.create().uint32(8).uint64(id).uint32(16).uint64(1).finish();
          return field(2, Buffer.concat([numbers, field(3, bytes)]));
        });
        return field(1, Buffer.concat([field(1, Buffer.from(inbox)), ...written]));
      }),
    );
  },
  GetInboxIds(body) {
    const { requests = [] } = decode(`${api}GetInboxIdsRequest`, body);
    const responses = requests.map(({ identifier, identifier_kind = 0 }) => ({ identifier, identifier_kind, inbox_id: inboxes.get(identifier) }));
    return encode(`${api}GetInboxIdsResponse`, { responses });
  },
};

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  const method = headers[":path"].split("/").pop();
  const chunks = [];
  stream.on("error", () => {});
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    const answer = methods[method]?.(Buffer.concat(chunks).subarray(5)) ?? Buffer.alloc(0);
    const length = Buffer.alloc(5);
    length.writeUInt32BE(answer.length, 1);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    // a subscription stays open and silent
    if (!method.startsWith("Subscribe")) stream.end(Buffer.concat([length, answer]));
  });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const { load } = await import("../tests/xmtp/sdk.mjs");
const sdk = await load(folder, generation, `http://127.0.0.1:${server.address().port}`);

const texts = [];
/** The wallet whose secret key ends with `secret`; what it signs is noted. */
function wallet(secret) {
  const signer = sdk.wallet(secret.padStart(64, "0"));
  const sign = signer.signMessage;
  signer.signMessage = (text) => {
    texts.push(text);
    return sign(text);
  };
  return signer;
}

const create = (signer, options = {}) => sdk.create(signer, { deviceSync: false, ...options });

/** The inbox as the SDK reports it, read and judged by libxmtp. */
async function state(client, inbox) {
  const [found] = await sdk.inboxStates(client, [inbox]);
  return {
    recovery: found.recoveryIdentifier.identifier,
    identifiers: found.identifiers.map(({ identifier }) => identifier).sort(),
    installations: found.installations.map(({ id, bytes }) => id ?? Buffer.from(bytes).toString("hex")).sort(),
  };
}

/** An authenticator in software: WebAuthn client data whose challenge is the text. */
function passkey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const odd = Buffer.from(y, "base64url").at(-1) & 1;
  const key = Buffer.concat([Buffer.from([2 + odd]), Buffer.from(x, "base64url")]);
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
  const sign = (text) => {
    const challenge = Buffer.from(text).toString("base64url");
    const clientData = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin: "https://example.test", crossOrigin: false }));
    const authenticatorData = Buffer.concat([sha256("example.test"), Buffer.from([5, 0, 0, 0, 1])]);
    const signature = createSign("sha256").update(Buffer.concat([authenticatorData, sha256(clientData)])).sign(privateKey);
    return { publicKey: [...key], signature: [...signature], authenticatorData: [...authenticatorData], clientDataJson: [...clientData] };
  };
  return { identifier: { identifier: key.toString("hex"), identifierKind: 1 }, sign };
}

async function sessions() {
  const steps = [];
  const note = async (step, client, inbox) => {
    const [text] = texts.splice(0);
    const [update] = published.splice(0);
    steps.push({ what: step, text, update, state: { inboxId: inbox, ...(await state(client, inbox)) } });
  };
  const [owner, second, keeper] = ["a11ce", "b0b", "ca201"].map(wallet);
  const phone = await create(owner);
  const inbox = phone.inboxId;
  await note("create the inbox and its first installation", phone, inbox);
  const tablet = await create(owner);
  await note("add a second installation", phone, inbox);
  await phone.unsafe_addAccount(second, true);
  await note("add a second wallet", phone, inbox);
  await create(second);
  await note("add a third installation, by the second wallet", phone, inbox);
  await phone.revokeInstallations([Buffer.from(tablet.installationId, "hex")]);
  await note("revoke the second installation", phone, inbox);
  await phone.changeRecoveryIdentifier(keeper.getIdentifier());
  await note("hand the recovery role to a third wallet", phone, inbox);
  const removal = await phone.unsafe_removeAccountSignatureRequest(second.getIdentifier());
  await removal.addEcdsaSignature(keeper.signMessage(await removal.signatureText()));
  await phone.unsafe_applySignatureRequest(removal);
  await note("remove the second wallet, by the recovery wallet", phone, inbox);

  const { identifier, sign } = passkey();
  const signer = { type: "EOA", getIdentifier: () => identifier, signMessage: () => Promise.reject(new Error("a passkey")) };
  const other = await create(signer, { register: false });
  const creation = await other.unsafe_createInboxSignatureRequest();
  const text = await creation.signatureText();
  texts.push(text);
  await creation.addPasskeySignature(sign(text));
  await other.unsafe_applySignatureRequest(creation);
  await note("create an inbox by a passkey", phone, other.inboxId);

  const { generateInboxId } = await bindings();
  const inboxIds = [["a11ce", 0n], ["a11ce", 1n], ["b0b", 18446744073709551615n], ["ca201", 42n]].map(([secret, nonce]) => {
    const identifier = wallet(secret).getIdentifier();
    return { identifier: identifier.identifier, nonce: `${nonce}`, inboxId: generateInboxId(identifier, nonce) };
  });
  return { sdk: sdk.version, libxmtp: phone.libxmtpVersion, wallets: "secret keys a11ce, b0b, ca201 (hex)", inboxIds, steps };
}

function bindings() {
  return createRequire(join(folder, "node_modules", `xmtp-node-sdk-${generation}`, "package.json"))("@xmtp/node-bindings");
}

async function cases() {
  const given = JSON.parse(readFileSync(0, "utf8"));
  for (const { inboxId, log } of Object.values(given)) log.forEach((update) => keep(inboxId, Buffer.from(update, "hex")));
  const reader = await create(wallet("a11ce"));
  const judged = {};
  for (const [name, { inboxId, log }] of Object.entries(given)) {
    let verdict;
    try {
      verdict = await state(reader, inboxId);
    } catch (error) {
      if (process.env.WHY) console.error(`${sdk.version}, ${name}: ${error.message}`);
      verdict = "refused";
    }
    judged[name] = { log, verdict };
  }
  return { sdk: sdk.version, cases: judged };
}

process.stdout.write(JSON.stringify(what === "cases" ? await cases() : await sessions()), () => process.exit(0));
