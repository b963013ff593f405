import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../ports.ts'

/** The peer id (base58) of an Ed25519 public key of 32 bytes. */
export function peerIdOfPublicKey(publicKey: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString()
}

/** The peer id of an Ed25519 private key (seed of 32 bytes). */
export async function peerIdOfSeed(seed: Uint8Array): Promise<PeerId> {
  const pair = await generateKeyPairFromSeed('Ed25519', seed)
  return peerIdFromPublicKey(pair.publicKey).toString()
}

/** The Ed25519 public key (32 bytes) inside a peer id; undefined when the text is no such id. */
export function publicKeyOfPeerId(peer: PeerId): Uint8Array | undefined {
  try {
    const id = peerIdFromString(peer)
    return id.type === 'Ed25519' ? id.publicKey.raw : undefined
  } catch {
    return undefined
  }
}
