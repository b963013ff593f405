/** The Ed25519 key inside a libp2p peer id: base58btc of an identity multihash over a protobuf that holds the key. */

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Multihash "identity", 36 bytes long; key type Ed25519; 32 bytes of key. */
const head = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]

/** 32 bytes; undefined when the text is no such id. */
export function keyOfPeerId(peerId: string): Uint8Array | undefined {
  if (peerId.length > 64) return undefined
  let value = 0n
  for (const char of peerId) {
    const digit = alphabet.indexOf(char)
    if (digit < 0) return undefined
    value = value * 58n + BigInt(digit)
  }
  // Such an id begins with exactly one zero byte, which base58 writes as a 1.
  if (!/^1[^1]/.test(peerId)) return undefined
  const bytes = Buffer.from(value.toString(16).padStart(2 * (head.length - 1 + 32), '0'), 'hex')
  if (bytes.length !== head.length - 1 + 32) return undefined
  if (!head.slice(1).every((byte, i) => bytes[i] === byte)) return undefined
  return new Uint8Array(bytes.subarray(head.length - 1))
}
