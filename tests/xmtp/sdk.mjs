// The official SDK of one generation, with what its siblings call otherwise.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { codecs, encoder, sender, through } from "./content.mjs";
import { read } from "./shapes.mjs";
import { wallet } from "./wallet.mjs";

/** Loads generation `major` (4, 5, 6) from `modules`, the folder that has node_modules, to talk to the node at `url`. */
export async function load(modules, major, url) {
  const file = (path) => join(modules, "node_modules", path);
  const open = (path) => import(pathToFileURL(file(path)));
  const name = `xmtp-node-sdk-${major}`;
  const { version } = JSON.parse(await readFile(file(`${name}/package.json`), "utf8"));
  const api = await open(`${name}/dist/index.js`);
  const bindings = major === "4" ? await open("@xmtp/node-bindings/dist/index.js") : undefined;
  const noble = {
    ...(await open("@noble/curves/esm/secp256k1.js")),
    ...(await open("@noble/hashes/esm/sha3.js")),
  };
  // 4 and 5 ask this one, whatever apiUrl says, who an address belongs to
  api.ApiUrls.local = url;
  const generation = Number(major);
  const encode = encoder(api, bindings);
  const known = bindings ? codecs(bindings) : [];
  return {
    version,
    generation,
    wallet: (secret) => wallet(noble, secret),
    isGroup: (conversation) => conversation instanceof api.Group,
    create: (signer, options) => create(api, generation, url, signer, { ...options, codecs: [...known, ...through(options.types ?? [])] }),
    send: sender(generation, encode, bindings),
    inboxIdOf: (client, identifier) => either(client, "fetchInboxIdByIdentifier", "getInboxIdByIdentifier")(identifier),
    inboxStates: (client, ids) =>
      generation === 4
        ? client.preferences.inboxStateFromInboxIds(ids, true)
        : client.preferences.fetchInboxStates(ids),
    keyPackages: (client, ids) =>
      either(client, "fetchKeyPackageStatuses", "getKeyPackageStatusesForInstallationIds")(ids),
    newGroup: (client, members, options) => either(client.conversations, "createGroup", "newGroup")(members, options),
    newDm: (client, peer) => either(client.conversations, "createDm", "newDm")(peer),
    duplicateDms: (conversation) => either(conversation, "duplicateDms", "getDuplicateDms")(),
    permissions: (group) => read(group, "permissions"),
    metadataField: (field) => {
      const value = api.MetadataField[field];
      if (value === undefined) throw new Error(`SDK ${version} has no metadata field ${field}`);
      return value;
    },
    sendSyncRequest: (client, serverUrl) => {
      if (generation === 4) throw new Error(`SDK ${version} cannot ask for a device sync`);
      return generation === 5 ? client.sendSyncRequest() : client.sendSyncRequest(undefined, serverUrl);
    },
  };
}

async function create(api, generation, url, signer, { db, dbKey, deviceSync, historyUrl, register, workers, codecs }) {
  const options = {
    dbPath: db ?? null,
    dbEncryptionKey: dbKey,
    disableDeviceSync: !deviceSync,
    disableAutoRegister: register === false,
    appVersion: "chancery-tests/1",
    codecs,
  };
  if (generation < 6) {
    return api.Client.create(signer, { ...options, env: "local", apiUrl: url, historySyncUrl: historyUrl ?? null });
  }
  const backend = await api.createBackend({ env: "local", apiUrl: url, appVersion: options.appVersion });
  delete options.appVersion;
  if (workers) {
    const intervals = Object.entries(workers).map(([kind, ms]) => ({ kind, intervalNs: BigInt(ms) * 1_000_000n }));
    options.workerConfig = { workerIntervalsNs: intervals, workerJittersNs: intervals.map(({ kind }) => ({ kind, jitterNs: 0n })) };
  }
  return api.Client.create(signer, { ...options, backend });
}

/** The method of the newer or of the older name. */
function either(object, newer, older) {
  const name = newer in object ? newer : older;
  return (...parameters) => object[name](...parameters);
}
