// An Ethereum account that signs as wallets do (EIP-191, `personal_sign`).

/** The signer that the SDK asks for, of a secret key in hex. */
export function wallet(noble, secret) {
  const key = Buffer.from(secret, "hex");
  const point = noble.secp256k1.getPublicKey(key, false).subarray(1);
  const address = `0x${Buffer.from(noble.keccak_256(point).subarray(12)).toString("hex")}`;
  return {
    type: "EOA",
    getIdentifier: () => ({ identifier: address, identifierKind: 0 }),
    signMessage: (text) => {
      const bytes = Buffer.from(text, "utf8");
      const signed = Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes]);
      const signature = noble.secp256k1.sign(noble.keccak_256(signed), key);
      return Uint8Array.from([...signature.toCompactRawBytes(), 27 + signature.recovery]);
    },
  };
}
