import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { charterOf as charterIn, type FoundingCodec } from '../../world/founding.ts'
import { type Charter, checkCharter } from '../../world/kinds.ts'
import { badConfiguration } from '../config/setup-error.ts'
import { verifyEndorsement } from '../identity/node-keys.ts'
import { publicKeyOfPeerId } from '../network/peer-id.ts'
import { canonicalJson } from './canonical-json.ts'
import {
  type GenesisAuthority,
  type GenesisFile,
  type GenesisNode,
  genesisSchema,
  isDirectory,
} from './schema.ts'

const MAX_BYTES = 16 * 1024 * 1024

/** A network's beginning: who its first nodes are, and which authorities they hold. */
export interface Genesis {
  readonly file: GenesisFile
  readonly bytes: Uint8Array
  /** SHA-256 of the file's bytes: the network's name that cannot be taken twice. */
  readonly hash: Uint8Array
  readonly hashHex: string
}

/** A log's name, which never comes back: `<network>/<name>/<birth>`. */
export function originOf(network: string, authority: Pick<GenesisAuthority, 'name' | 'birth'>): string {
  return `${network}/${authority.name}/${authority.birth}`
}

const codec: FoundingCodec = {
  bytesOf: base64 => new Uint8Array(Buffer.from(base64, 'base64')),
  identityOf: peerId => publicKeyOfPeerId(peerId)!,
}

/** What an authority is from its birth on, as its rules take it. */
export function charterOf(file: GenesisFile, authority: GenesisAuthority): Charter {
  return charterIn(file, authority, codec)
}

export function encodeGenesis(file: GenesisFile): Uint8Array {
  return new TextEncoder().encode(`${canonicalJson(file)}\n`)
}

/** Reads and checks a genesis file. Throws a SetupError (exit 78). */
export function readGenesis(path: string): Genesis {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(readFileSync(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const hint = code === 'ENOENT' ? 'make one with freehold init, or name it with --genesis' : code
    throw badConfiguration('bad-genesis', `The genesis file ${path} cannot be read: ${hint}.`)
  }
  return parseGenesis(bytes, path)
}

/** @param name of the file, for the message when it is refused (a SetupError, exit 78) */
export function parseGenesis(bytes: Uint8Array, name = 'genesis.json'): Genesis {
  const refuse = (why: string) =>
    badConfiguration('bad-genesis', `The genesis file ${name} is refused: ${why}.`)
  if (bytes.length > MAX_BYTES) throw refuse(`it is larger than ${MAX_BYTES} bytes`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw refuse('it is not JSON in UTF-8')
  }
  const parsed = genesisSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw refuse(`${issue.path.join('.') || 'the whole'}: ${issue.message.replace(/\.$/, '')}`)
  }
  if (Buffer.compare(encodeGenesis(parsed.data), bytes) !== 0) {
    throw refuse('it is not in canonical form (sorted keys, no spaces, one newline at the end)')
  }
  const problem = findContradiction(parsed.data)
  if (problem !== undefined) throw refuse(problem)
  const digest = new Uint8Array(hash('sha256', bytes, 'buffer'))
  return { file: parsed.data, bytes, hash: digest, hashHex: Buffer.from(digest).toString('hex') }
}

function findContradiction(file: GenesisFile): string | undefined {
  const { nodes, authorities } = file
  if (file.protocol.min > file.protocol.max) return 'protocol.min is above protocol.max'
  return (
    firstRepeated('node number', nodes, node => node.number) ??
    firstRepeated('peer id', nodes, node => node.peerId) ??
    firstRepeated('group', authorities, authority => authority.group) ??
    firstRepeated('authority', authorities, authority => authority.name) ??
    nodes.map(node => nodeProblem(file.network, node)).find(problem => problem !== undefined) ??
    sharedKey(nodes) ??
    (authorities.filter(isDirectory).length === 1 ? undefined : 'it has not one directory') ??
    authorities.map(authority => authorityProblem(file, authority)).find(problem => problem !== undefined)
  )
}

function firstRepeated<T>(
  what: string,
  items: readonly T[],
  keyOf: (item: T) => string | number,
): string | undefined {
  const seen = new Set<string | number>()
  for (const item of items) {
    const key = keyOf(item)
    if (seen.has(key)) return `${what} ${key} stands in it twice`
    seen.add(key)
  }
  return undefined
}

function nodeProblem(network: string, node: GenesisNode): string | undefined {
  const keys = {
    vote: Buffer.from(node.keys.vote, 'base64'),
    cosign: Buffer.from(node.keys.cosign, 'base64'),
    log: Buffer.from(node.keys.log, 'base64'),
  }
  const endorsed = verifyEndorsement(network, node.peerId, keys, Buffer.from(node.endorsement, 'base64'))
  return endorsed ? undefined : `node ${node.number} did not endorse its keys`
}

/** What is signed by a key must say who signed it: an endorsement says that a key is one's own, and not that it is nobody else's. */
function sharedKey(nodes: readonly GenesisNode[]): string | undefined {
  const owners = new Map<string, number>()
  for (const { number, peerId, keys } of nodes) {
    const identity = Buffer.from(publicKeyOfPeerId(peerId)!).toString('base64')
    for (const key of [identity, keys.vote, keys.cosign, keys.log]) {
      const owner = owners.get(key) ?? number
      if (owner !== number)
        return `nodes ${owner} and ${number} have one key (${key}): each needs keys of its own`
      owners.set(key, number)
    }
  }
  return undefined
}

function authorityProblem(file: GenesisFile, authority: GenesisAuthority): string | undefined {
  const { network, nodes } = file
  const { kind, name, members } = authority
  const stranger = members.find(member => !nodes.some(node => node.number === member))
  if (stranger !== undefined) return `${name} has a member ${stranger} that is not among the nodes`
  if (new Set(members).size !== members.length) return `${name} has a member twice`
  if (!isDirectory(authority)) {
    if (!name.startsWith(`${kind}/`)) return `${name} is of kind ${kind}`
    const { quadkey } = authority
    if (kind === 'area' && name !== `area/${quadkey}`) return `${name} lies at quadkey ${quadkey}`
  }
  try {
    checkCharter(charterOf(file, authority), originOf(network, authority))
    return undefined
  } catch (error) {
    return `${name}: ${(error as Error).message.replace(/\.$/, '')}`
  }
}
