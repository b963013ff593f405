import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { networkName } from '../config/schema.ts'
import { badConfiguration } from '../config/setup-error.ts'
import { peerIdOfPublicKey, publicKeyOfPeerId } from '../network/peer-id.ts'
import { writeFileDurably } from './durable-file.ts'
import { generateSeed, type SigningKey, signingKeyOf, verifySignature } from './signing-key.ts'

/** What a node is and signs with (design, section 3): a libp2p identity, which endorses three keys that can be rotated. */
export interface NodeKeys {
  readonly network: string
  /** Of the identity, base58. */
  readonly peerId: string
  readonly identity: SigningKey
  readonly vote: SigningKey
  readonly cosign: SigningKey
  readonly log: SigningKey
  /** The identity's signature over the other three (64 bytes). */
  readonly endorsement: Uint8Array
}

/** The public halves of the keys that an identity endorses, 32 bytes each. */
export interface EndorsedKeys {
  readonly vote: Uint8Array
  readonly cosign: Uint8Array
  readonly log: Uint8Array
}

const seedText = z.base64().length(44)
const keyFileSchema = z.strictObject({
  format: z.literal(1),
  network: networkName,
  identity: seedText,
  vote: seedText,
  cosign: seedText,
  log: seedText,
})
type KeyFile = z.infer<typeof keyFileSchema>

/** Makes the keys of a new node and keeps them at `path`, readable by the owner alone. */
export function createNodeKeys(path: string, network: string): NodeKeys {
  const fresh = (): string => Buffer.from(generateSeed()).toString('base64')
  const file: KeyFile = {
    format: 1,
    network,
    identity: fresh(),
    vote: fresh(),
    cosign: fresh(),
    log: fresh(),
  }
  writeFileDurably(path, `${JSON.stringify(file, undefined, 2)}\n`, 0o600)
  return keysOf(file)
}

/** Reads them back. Throws a SetupError (exit 78) that says what is wrong with the file. */
export function readNodeKeys(path: string): NodeKeys {
  let text: string
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw badConfiguration('bad-key-file', `Others can read the node's keys: run chmod 600 ${path}`)
    }
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'bad-key-file') throw error
    const hint = code === 'ENOENT' ? 'make them with freehold init' : `${code}`
    throw badConfiguration('bad-key-file', `The node's keys ${path} cannot be read: ${hint}.`)
  }
  const parsed = keyFileSchema.safeParse(parseJson(text))
  if (!parsed.success) {
    throw badConfiguration(
      'bad-key-file',
      `The node's keys ${path} are damaged: put them back from a backup.`,
    )
  }
  return keysOf(parsed.data)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function keysOf(file: KeyFile): NodeKeys {
  const key = (seed: string): SigningKey => signingKeyOf(new Uint8Array(Buffer.from(seed, 'base64')))
  const [identity, vote, cosign, log] = [key(file.identity), key(file.vote), key(file.cosign), key(file.log)]
  const endorsed = { vote: vote.publicKey, cosign: cosign.publicKey, log: log.publicKey }
  return {
    network: file.network,
    peerId: peerIdOfPublicKey(identity.publicKey),
    identity,
    vote,
    cosign,
    log,
    endorsement: identity.sign(endorsementMessage(file.network, endorsed)),
  }
}

/** The identity key as libp2p's `privateKeyFromRaw` takes it: seed ‖ public key, 64 bytes. */
export function libp2pKeyBytes(keys: NodeKeys): Uint8Array {
  return new Uint8Array(Buffer.concat([keys.identity.seed, keys.identity.publicKey]))
}

/** What an identity signs: "freehold/keys/1\n" ‖ u8 length of the network's name ‖ name ‖ vote ‖ cosign ‖ log. */
function endorsementMessage(network: string, keys: EndorsedKeys): Uint8Array {
  const name = Buffer.from(network)
  return Buffer.concat([
    ...[Buffer.from('freehold/keys/1\n'), Buffer.of(name.length), name],
    ...[keys.vote, keys.cosign, keys.log],
  ])
}

/** Whether the identity behind `peerId` says that these keys are its own in this network. */
export function verifyEndorsement(
  network: string,
  peerId: string,
  keys: EndorsedKeys,
  endorsement: Uint8Array,
): boolean {
  const identity = publicKeyOfPeerId(peerId)
  return identity !== undefined && verifySignature(identity, endorsementMessage(network, keys), endorsement)
}
