// Drives the official XMTP SDK from outside: one request a line on stdin, one answer a line on stdout.
//
//   node driver.mjs --modules DIR --sdk 4|5|6 --node URL
//
//   -> {"id": 1, "op": "create", "client": "alice", "wallet": "<64 hex>", "db": "/a/file"}
//   <- {"id": 1, "ok": true, "result": {"inboxId": "…", "installationId": "…"}}
//   -> {"id": 2, "op": "send", "client": "alice", "conversation": "<hex>", "type": "text", "content": "hello"}
//   <- {"id": 2, "ok": false, "error": "…"}
//
// * The first line out is {"ready": {"sdk": "5.5.0", "node": "v22.…"}}.
// * Requests run at the same time: whoever needs an order waits for the answer. Answers come as they get ready.
// * What a stream yields comes in between: {"client": "alice", "stream": "s", "event": "message", "value": …}; `events.mjs`.
// * The operations are the functions of `operations.mjs`; their parameters are the members beside id and op.
// * The three generations of the SDK look alike from here (`sdk.mjs` hides what differs), with one shape of each value
//   (`shapes.mjs`): bytes are {"hex": "…"}, numbers above 2^53 and times are decimal strings.
// * It ends when stdin does. stderr is for whoever reads logs.
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { operations } from "./operations.mjs";
import { load } from "./sdk.mjs";
import { fromJson, toJson } from "./shapes.mjs";

// The SDK and its codecs complain on the console: stdout is ours.
for (const level of ["log", "info", "debug", "warn"]) console[level] = console.error;

const { values: options } = parseArgs({
  options: { modules: { type: "string" }, sdk: { type: "string" }, node: { type: "string" } },
});

const say = (line) => process.stdout.write(`${JSON.stringify(line, toJson)}\n`);

// One promise that nobody awaits must not end all clients of the process.
process.on("unhandledRejection", (error) => console.error("unhandled:", error));

const sdk = await load(options.modules, options.sdk, options.node);
const run = operations(sdk, say);
say({ ready: { sdk: sdk.version, node: process.version } });

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim() === "") continue;
  const { id, op, ...parameters } = JSON.parse(line, fromJson);
  const operation = Object.hasOwn(run, op) ? run[op] : () => Promise.reject(new Error(`no operation ${op}`));
  // not awaited: see above
  Promise.resolve()
    .then(() => operation(parameters))
    .then(
      (result) => say({ id, ok: true, result: result ?? null }),
      (error) => say({ id, ok: false, error: String(error?.message ?? error) }),
    );
}
// Clients hold threads of their own that would keep the process alive.
process.exit(0);
