// Vaults of version 1 after safeclaw spec 10.1 and 10.2, by Node's own cryptography.
//   v1_vault.mjs key PASSPHRASE SALTHEX      prints the key in hex
//   v1_vault.mjs write PATH PASSPHRASE       entries as JSON on standard input
//   v1_vault.mjs read PATH PASSPHRASE        prints the entries as JSON
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const key = (passphrase, salt) => scryptSync(passphrase, salt, 32, { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 });
const [, , verb, first, second] = process.argv;

if (verb === "key") {
  process.stdout.write(key(first, Buffer.from(second, "hex")).toString("hex"));
} else if (verb === "write") {
  const salt = randomBytes(16);
  writeFileSync(`${first}.salt`, salt.toString("hex"), { mode: 0o600 });
  const master = key(second, salt);
  const seal = (value) => {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", master, iv);
    const ciphertext = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
    return { ciphertext: ciphertext.toString("base64"), iv: iv.toString("base64"), authTag: cipher.getAuthTag().toString("base64") };
  };
  const entries = JSON.parse(readFileSync(0, "utf8")).map(([name, value]) => [name, seal(value)]);
  writeFileSync(first, JSON.stringify({ version: 1, entries: Object.fromEntries(entries) }, null, 2), { mode: 0o600 });
} else if (verb === "read") {
  const master = key(second, Buffer.from(readFileSync(`${first}.salt`, "utf8"), "hex"));
  const vault = JSON.parse(readFileSync(first, "utf8"));
  if (vault.version !== 1) throw new Error("version");
  const open = ({ ciphertext, iv, authTag }) => {
    const decipher = createDecipheriv("aes-256-gcm", master, Buffer.from(iv, "base64"));
    decipher.setAuthTag(Buffer.from(authTag, "base64"));
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, "base64")), decipher.final()]).toString("utf8");
  };
  process.stdout.write(JSON.stringify(Object.entries(vault.entries).map(([name, entry]) => [name, open(entry)])));
} else {
  throw new Error(`what is ${verb}?`);
}
