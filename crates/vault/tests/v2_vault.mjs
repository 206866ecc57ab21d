// Reads a vault of version 2 that a key file opens, from the description of the format alone:
//   v2_vault.mjs PATH KEYFILE                prints {counter, entries, seen} as JSON
// Node has ChaCha20-Poly1305 but neither HChaCha20 nor canonical JSON, so both are here.
import { createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";

const b64 = (text) => Buffer.from(text, "base64url");
const canonical = (value) =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(",")}]`
    : value && typeof value === "object"
      ? `{${Object.keys(value)
          .sort()
          .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
          .join(",")}}`
      : JSON.stringify(value);

const hchacha20 = (key, nonce) => {
  const words = [..."expa", ..."nd 3", ..."2-by", ..."te k"].map((c) => c.charCodeAt(0));
  const block = Buffer.concat([Buffer.from(words), key, nonce]);
  const s = Uint32Array.from({ length: 16 }, (_, i) => block.readUInt32LE(4 * i));
  const turn = (i, n) => (s[i] = (s[i] << n) | (s[i] >>> (32 - n)));
  const quarter = (a, b, c, d) => {
    for (const [x, y, z, n] of [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]]) {
      s[x] += s[y];
      s[z] ^= s[x];
      turn(z, n);
    }
  };
  for (let round = 0; round < 10; round++) {
    [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]].forEach((q) => quarter(...q));
    [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]].forEach((q) => quarter(...q));
  }
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((word, i) => out.writeUInt32LE(s[word], 4 * i));
  return out;
};

const open = (key, nonce, aad, sealed) => {
  const inner = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
  const decipher = createDecipheriv("chacha20-poly1305", hchacha20(key, nonce.subarray(0, 16)), inner, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(aad, "utf8"), { plaintextLength: sealed.length - 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
};

const [, , path, keyFile] = process.argv;
const source = b64(readFileSync(keyFile, "utf8").trim());
const { mac, checksum, ...body } = JSON.parse(readFileSync(path, "utf8"));
const id = b64(body.vaultId);
const derive = (key, purpose, subject = "") =>
  Buffer.from(hkdfSync("sha256", key, id, Buffer.from(`CHANCERY-VAULT-V2 ${purpose}\0${subject}`, "utf8"), 32));
const expect = (what, found, expected) => {
  if (found !== expected) throw new Error(what);
};

const text = canonical(body);
expect("checksum", createHash("sha256").update(`${text}\n${mac}`).digest("base64url"), checksum);
const { slot, check, nonce, wrapped } = body.key;
expect("check", derive(source, "key-check").toString("base64url"), check);
const wrapContext = canonical({ format: 2, vaultId: body.vaultId, slot, check });
const both = open(derive(source, "key-encryption"), b64(nonce), wrapContext, b64(wrapped));
const [master, root] = [both.subarray(0, 32), both.subarray(32)];
expect("mac", createHmac("sha256", derive(master, "file")).update(text).digest("base64url"), mac);
const entries = Object.entries(body.entries).map(([name, entry]) => {
  const context = canonical({ format: 2, vaultId: body.vaultId, name, counter: entry.counter });
  return [name, open(derive(master, "entry", name), b64(entry.nonce), context, b64(entry.sealed)).toString("utf8")];
});
const witness = JSON.parse(readFileSync(`${path}.seen`, "utf8"));
const tag = createHmac("sha256", derive(root, "seen")).update(canonical(witness.seen)).digest("base64url");
expect("seen", tag, witness.mac);
const domain = derive(root, "domain", "test").toString("hex");
process.stdout.write(JSON.stringify({ counter: body.counter, entries, seen: witness.seen.counter, domain }));
