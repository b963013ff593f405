/** The auditor's own reader of the genesis file: what it needs of it, and nothing from the daemon. */
import { readFileSync } from 'node:fs'
import { charterOf, type Founded, type Founding } from '../world/founding.ts'
import { type Charter, checkCharter } from '../world/kinds.ts'
import { sha256, verifyEd25519 } from './crypto.ts'
import { AuditError } from './errors.ts'
import { isText, isWhole, jsonOf, listOf, objectOf } from './json.ts'
import { keyOfPeerId } from './peer-id.ts'
import { concat, fromBase64, hex, toBase64, utf8 } from './verify/bytes.ts'

export interface GenesisMember {
  readonly number: number
  /** Ed25519 public keys, 32 bytes: of the node's identity, for votes, for cosignatures, and for logs and receipts. */
  readonly identityKey: Uint8Array
  readonly voteKey: Uint8Array
  readonly cosignKey: Uint8Array
  readonly logKey: Uint8Array
}

/** One of its authorities: an area, an org, or the directory. */
export type GenesisArea = Founded

export interface Genesis {
  readonly bytes: Uint8Array
  /** SHA-256 of the file's bytes. */
  readonly hash: Uint8Array
  readonly network: string
  readonly rules: { readonly version: number; readonly contentHash: string }
  readonly nodes: ReadonlyMap<number, GenesisMember>
  readonly areas: readonly GenesisArea[]
  /** As it stands in the file, of which the directory's rules know all; undefined in files from before there was one. */
  readonly founding: Founding | undefined
}

const maxBytes = 16 * 1024 * 1024

export function readGenesis(path: string): Genesis {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(readFileSync(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new AuditError(
      'bad-genesis',
      `The genesis file ${path} cannot be read (${code}): name it with --genesis.`,
    )
  }
  return parseGenesis(bytes, path)
}

/** @throws AuditError `bad-genesis` */
export function parseGenesis(bytes: Uint8Array, path: string): Genesis {
  const check = (good: boolean, why: string): void => {
    if (!good) throw new AuditError('bad-genesis', `The genesis file ${path} is refused: ${why}.`)
  }
  check(bytes.length <= maxBytes, 'it is too large')
  const file = objectOf(jsonOf(textOf(bytes)))
  check(file !== undefined, 'it is no JSON object in UTF-8')
  const { format, network, nodes, authorities } = file!
  const rules = objectOf(file!['rules'])
  check(`${canonicalJson(file)}\n` === Buffer.from(bytes).toString(), 'it is not in canonical form')
  check(format === 1, 'it has another format')
  check(typeof network === 'string' && /^[a-z0-9.-]{1,63}$/.test(network), 'it has no network name')
  const { version, contentHash } = rules ?? {}
  check(isWhole(version) && typeof contentHash === 'string', 'it names no rules')
  check(Array.isArray(nodes) && Array.isArray(authorities), 'it has no nodes or no authorities')
  const members = new Map<number, GenesisMember>()
  for (const node of nodes as unknown[]) {
    const member = memberOf(network as string, node)
    check(
      member !== undefined && !members.has(member.number),
      'a node in it is malformed or did not endorse its keys',
    )
    members.set(member!.number, member!)
  }
  const shared = sharedKey([...members.values()])
  check(shared === undefined, shared ?? '')
  const founding = foundingOf(file!)
  const areas = (authorities as unknown[]).map(authority => {
    const problem = areaProblem(network as string, founding, authority, members)
    check(problem === undefined, problem ?? '')
    return authority as GenesisArea
  })
  const directories = areas.filter(({ kind }) => kind === 'directory')
  check(directories.length <= 1, 'it has more than one directory')
  check(new Set(areas.map(area => area.name)).size === areas.length, 'an authority stands in it twice')
  return {
    bytes,
    hash: sha256(bytes),
    network: network as string,
    rules: rules as unknown as Genesis['rules'],
    nodes: members,
    areas,
    founding,
  }
}

export function originOf(
  genesis: Pick<Genesis, 'network'>,
  area: Pick<GenesisArea, 'name' | 'birth'>,
): string {
  return `${genesis.network}/${area.name}/${area.birth}`
}

/** @param name as `area/0231`, or the log's origin; @throws AuditError `unknown-authority` */
export function findArea(genesis: Genesis, name: string): GenesisArea {
  const area = genesis.areas.find(it => it.name === name || originOf(genesis, it) === name)
  if (area !== undefined) return area
  throw new AuditError('unknown-authority', `The genesis file knows no authority ${name}.`)
}

const codec = {
  bytesOf: (base64: string): Uint8Array => fromBase64(base64)!,
  identityOf: (peerId: string): Uint8Array => keyOfPeerId(peerId)!,
}

/** What the authority is from its birth on, as its rules take it. */
export function charterOfAuthority({ founding }: Genesis, area: GenesisArea): Charter {
  return area.kind === 'directory' ? charterOf(founding!, area, codec) : area
}

/** The body that the area's first leaf must have: canonical JSON of its genesis entry, and the rules of its birth. */
export function charterBody(genesis: Genesis, area: GenesisArea): Uint8Array {
  const { network, rules } = genesis
  return utf8(canonicalJson({ genesisHash: hex(genesis.hash), network, rules, authority: area }))
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ''
  }
}

/** Keys sorted by UTF-16 code units, no spaces. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = objectOf(value)
  if (object === undefined) return JSON.stringify(value)
  const members = Object.keys(object).sort()
  return `{${members.map(key => `${JSON.stringify(key)}:${canonicalJson(object[key])}`).join(',')}}`
}

function memberOf(network: string, value: unknown): GenesisMember | undefined {
  const node = objectOf(value)
  const keys = objectOf(node?.['keys'])
  if (node === undefined || keys === undefined || !isWhole(node['number'])) return undefined
  const bytes = (text: unknown) => (typeof text === 'string' ? fromBase64(text) : undefined)
  const [vote, cosign, log] = [bytes(keys['vote']), bytes(keys['cosign']), bytes(keys['log'])]
  const endorsement = bytes(node['endorsement'])
  const identityKey = typeof node['peerId'] === 'string' ? keyOfPeerId(node['peerId']) : undefined
  if (vote?.length !== 32 || cosign?.length !== 32 || log?.length !== 32) return undefined
  if (endorsement === undefined || identityKey === undefined) return undefined
  // What the identity signs: that these keys are its own in this network.
  const name = utf8(network)
  const message = concat(utf8('freehold/keys/1\n'), Uint8Array.of(name.length), name, vote, cosign, log)
  if (!verifyEd25519(identityKey, message, endorsement)) return undefined
  return { number: node['number'], identityKey, voteKey: vote, cosignKey: cosign, logKey: log }
}

/** What is signed by a key must say who signed it. */
function sharedKey(members: readonly GenesisMember[]): string | undefined {
  const owners = new Map<string, number>()
  for (const { number, identityKey, voteKey, cosignKey, logKey } of members) {
    for (const key of [identityKey, voteKey, cosignKey, logKey].map(toBase64)) {
      const owner = owners.get(key) ?? number
      if (owner !== number) return `nodes ${owner} and ${number} have one key (${key})`
      owners.set(key, number)
    }
  }
  return undefined
}

/** Undefined unless what the rules of the directory look at has the shape that they expect. */
function foundingOf(file: Record<string, unknown>): Founding | undefined {
  const recovery = objectOf(file['recovery'])
  const isShaped =
    allAre(
      file['nodes'],
      node => isText(node['operator']) && listOf(node['addresses'], isText) !== undefined,
    ) &&
    allAre(file['operators'], operator => isText(operator['name']) && isKey(operator['key'])) &&
    listOf(recovery?.['keys'], isKey) !== undefined &&
    isWhole(recovery?.['threshold']) &&
    isWhole(file['tickMs'])
  return isShaped ? (file as unknown as Founding) : undefined
}

function allAre(value: unknown, isOne: (item: Record<string, unknown>) => boolean): boolean {
  const fits = (item: unknown): boolean => {
    const object = objectOf(item)
    return object !== undefined && isOne(object)
  }
  return Array.isArray(value) && value.every(fits)
}

/** Within which bounds, its rules know. */
function isPolicy(value: unknown): boolean {
  const { admission, ...numbers } = objectOf(value) ?? {}
  return isText(admission) && Object.values(numbers).every(isWhole)
}

function isKey(value: unknown): value is string {
  return isText(value) && fromBase64(value)?.length === 32
}

function areaProblem(
  network: string,
  founding: Founding | undefined,
  value: unknown,
  nodes: ReadonlyMap<number, GenesisMember>,
): string | undefined {
  const area = objectOf(value)
  const { name, kind, group, birth, epoch, members } = area ?? {}
  if (
    area === undefined ||
    typeof name !== 'string' ||
    (kind !== 'area' && kind !== 'org' && kind !== 'directory')
  )
    return 'an authority in it is no area, no org and no directory'
  if (kind === 'directory' ? name !== kind : !name.startsWith(`${kind}/`))
    return `${name} is called an ${kind}`
  const isPlace = Array.isArray(area['spawns']) || (kind === 'directory' && isPolicy(area['policy']))
  if (kind === 'directory' && founding === undefined) return 'what its directory begins with is malformed'
  if (!isWhole(group) || !isWhole(birth) || !isWhole(epoch) || !Array.isArray(members) || !isPlace)
    return `${name} is malformed`
  const known = members.every(member => nodes.has(member as number))
  if (members.length === 0 || !known || new Set(members).size !== members.length)
    return `the members of ${name} are not among its nodes`
  try {
    checkCharter(charterOf(founding!, value as Founded, codec), originOf({ network }, { name, birth }))
    return undefined
  } catch (error) {
    return `${name}: ${(error as Error).message}`
  }
}
