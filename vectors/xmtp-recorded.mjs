// Records what the official SDKs upload and answer, for crates/xmtp-wire/tests/mls_official.rs:
//
//     chancery xmtp-node --listen ADDR --data-dir DIR
//     node vectors/xmtp-recorded.mjs FOLDER http://ADDR DIR/xmtp-node.sqlite3 > vectors/xmtp-recorded.json
//
// FOLDER is where tests/xmtp/package.json is installed (CONTRIBUTING.md). The node may check what it likes: what is recorded are
// the bytes that the SDKs sent, out of its database, and what the SDKs themselves say of them. Only SDK 6 lets an app choose the
// idempotency key, so only it yields message ids for keys that we know.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";

const [folder, url, file] = process.argv.slice(2);
const driver = join(dirname(fileURLToPath(import.meta.url)), "../tests/xmtp/driver.mjs");
const hex = (bytes) => Buffer.from(bytes).toString("hex");

const sessions = [];
for (const sdk of ["4", "5", "6"]) {
  const child = spawn(process.execPath, [driver, "--modules", folder, "--sdk", sdk, "--node", url], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { ready } = JSON.parse((await lines.next()).value);
  const call = async (op, parameters) => {
    child.stdin.write(`${JSON.stringify({ id: op, op, client: "a", ...parameters })}\n`);
    for (;;) {
      const answer = JSON.parse((await lines.next()).value);
      if (answer.id !== op) continue;
      if (!answer.ok) throw new Error(answer.error);
      return answer.result;
    }
  };
  const { inboxId, installationId } = await call("create", { wallet: `7${sdk}`.repeat(32) });
  const { id: group } = await call("newGroup", { members: [] });
  const messages = [];
  const keys = sdk === "6" ? ["a key", "1700000000000000000", ""] : [undefined];
  for (const idempotencyKey of keys) {
    const content = `sent by ${ready.sdk}`;
    const id = await call("send", { conversation: group, type: "text", content, idempotencyKey });
    messages.push({ content, idempotencyKey, id });
  }
  child.stdin.end();
  sessions.push({ sdk: ready.sdk, inboxId, installationId, group, messages });
}

const database = new DatabaseSync(file, { readOnly: true });
for (const session of sessions) {
  const installation = Buffer.from(session.installationId, "hex");
  session.keyPackage = hex(database.prepare("SELECT key_package FROM key_packages WHERE installation = ?").get(installation).key_package);
  const group = Buffer.from(session.group, "hex");
  session.groupMessages = database
    .prepare("SELECT data FROM group_messages WHERE group_id = ? ORDER BY id")
    .all(group)
    .map((row) => hex(row.data));
}
console.log(JSON.stringify({ note: "made by xmtp-recorded.mjs", sessions }, null, 1));
