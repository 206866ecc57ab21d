// Verifies an export on standard input from the description of the form alone, by Node's own cryptography, and prints
// {chain, records, head, checkpoints, broken}.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const canonical = (value) =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(",")}]`
    : value && typeof value === "object"
      ? `{${Object.keys(value)
          .sort()
          .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
          .join(",")}}`
      : JSON.stringify(value);
const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");
const publicKey = (key) => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key }, format: "jwk" });

const lines = readFileSync(0, "utf8").split("\n");
if (lines.pop() !== "") throw new Error("no newline at the end");
const [first, ...rest] = lines.map((line) => {
  const value = JSON.parse(line);
  if (canonical(value) !== line) throw new Error("not canonical");
  return value;
});
const last = rest.pop();
const { chain } = first.after;
let [head, checkpoints, broken] = [first.after, 0, null];
if (head.seq === 0 && head.hash !== sha256(`CHANCERY-AUDIT-GENESIS-V1\n${chain}`)) broken = 0;
for (const { hash, ...entry } of rest) {
  if (broken !== null) break;
  const linked = entry.seq === head.seq + 1 && entry.prev === head.hash;
  const whole = hash === sha256(`CHANCERY-AUDIT-RECORD-V1\n${canonical(entry)}`);
  let signed = true;
  if (entry.kind === "audit.checkpoint") {
    const { statement, key, signature } = entry.detail;
    const message = Buffer.from(`CHANCERY-AUDIT-CHECKPOINT-V1\n${canonical(statement)}`, "utf8");
    signed = canonical(statement.head) === canonical(head) && verify(null, message, publicKey(key), Buffer.from(signature, "base64url"));
    checkpoints += 1;
  }
  if (linked && whole && signed) head = { chain, seq: entry.seq, hash };
  else broken = head.seq + 1;
}
if (broken === null && canonical(last.head) !== canonical(head)) broken = head.seq + 1;
process.stdout.write(JSON.stringify({ chain, records: head.seq - first.after.seq, head, checkpoints, broken }));
