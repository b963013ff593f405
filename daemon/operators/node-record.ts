import { z } from 'zod'
import type { NodeFacts } from '../../world/directory/types.ts'
import { multiaddrText, networkName } from '../config/schema.ts'
import { SetupError } from '../config/setup-error.ts'
import { type NodeKeys, verifyEndorsement } from '../identity/node-keys.ts'
import { peerIdOfPublicKey, publicKeyOfPeerId } from '../network/peer-id.ts'
import { base64, bytesOf, jsonIn, readableJson, readSmallFile } from './files.ts'

const format = 'freehold.node/1'
const publicKey = z.base64().length(44)

/** A node as in a genesis file, without a number. */
export const nodeFactsSchema = z.strictObject({
  addresses: z.array(multiaddrText).min(1).max(16),
  endorsement: z.base64().length(88),
  keys: z.strictObject({ vote: publicKey, cosign: publicKey, log: publicKey }),
  operator: z.string().min(1).max(64),
  peerId: z.string().min(40).max(64),
})
export type NodeFactsJson = z.infer<typeof nodeFactsSchema>

const schema = z.strictObject({ format: z.literal(format), network: networkName, node: nodeFactsSchema })

/** What a node that wants to be admitted gives to those who may admit it. */
export interface NewNode {
  readonly network: string
  readonly node: NodeFacts
}

export function newNodeOf(keys: NodeKeys, operator: string, addresses: readonly string[]): NewNode {
  const { network, identity, vote, cosign, log, endorsement } = keys
  const publicKeys = { vote: vote.publicKey, cosign: cosign.publicKey, log: log.publicKey }
  return { network, node: { identity: identity.publicKey, operator, addresses, ...publicKeys, endorsement } }
}

export function encodeNewNode({ network, node }: NewNode): string {
  return readableJson({ format, network, node: nodeJson(node) })
}

/** Undefined for what is none, or is not endorsed. */
export function parseNewNode(text: string): NewNode | undefined {
  const parsed = schema.safeParse(jsonIn(text))
  if (!parsed.success || readableJson(parsed.data) !== text) return undefined
  const { network } = parsed.data
  const node = nodeFactsOf(parsed.data.node)
  if (node === undefined) return undefined
  const isEndorsed = verifyEndorsement(network, parsed.data.node.peerId, node, node.endorsement)
  return isEndorsed ? { network, node } : undefined
}

/** @throws SetupError `unreadable-file`, `bad-node` */
export function readNewNode(path: string): NewNode {
  const node = parseNewNode(readSmallFile(path))
  if (node !== undefined) return node
  throw new SetupError('bad-node', `${path} does not describe a node: freehold network record does.`)
}

export function nodeJson({ identity, operator, addresses, endorsement, ...keys }: NodeFacts): NodeFactsJson {
  return {
    ...{ peerId: peerIdOfPublicKey(identity), operator, addresses: [...addresses] },
    keys: { vote: base64(keys.vote), cosign: base64(keys.cosign), log: base64(keys.log) },
    endorsement: base64(endorsement),
  }
}

/** Undefined where the peer id is none. */
export function nodeFactsOf({ peerId, keys, ...rest }: NodeFactsJson): NodeFacts | undefined {
  const identity = publicKeyOfPeerId(peerId)
  if (identity === undefined || peerIdOfPublicKey(identity) !== peerId) return undefined
  return {
    ...{ identity, operator: rest.operator, addresses: rest.addresses },
    ...{ vote: bytesOf(keys.vote), cosign: bytesOf(keys.cosign), log: bytesOf(keys.log) },
    endorsement: bytesOf(rest.endorsement),
  }
}
