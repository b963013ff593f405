import { decodeMark, decodeSeal } from '../../../daemon/authority/bodies.ts'
import { inputHead } from '../../../daemon/authority/intake.ts'
import { LogReader } from '../../../storage/log/log-store.ts'
import { type LogRecord, leafHashes, recordKind } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { treeEntry, treeKey } from '../../../storage/state/entry.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import type { Store } from '../../../storage/store.ts'
import { encodeOutcome, isConsumed } from '../../../world/codec.ts'
import type { Rules } from '../../../world/interface.ts'
import { areaOf, createRules } from '../../../world/kinds.ts'
import type { World } from '../../../world/world.ts'
import type { SimDisk } from '../disk.ts'
import { Finding } from './finding.ts'
import { type Judge, promiseKey } from './judge.ts'
import { handoversOf, type Realm, worldHostOf } from './realm.ts'

export interface FinalLog {
  readonly records: number
  readonly applied: number
  readonly sealedRoots: number
  /** Characters that were born in it. */
  readonly born: number
  /** Each input that was applied, as its promise is named. */
  readonly inputs: ReadonlySet<string>
  /** As the log has made it. */
  readonly world: World
}

/** Over all logs: each character stands in one, each input was applied in one, and no handover is under way any more. */
export function checkOnePlace(logs: readonly FinalLog[]): void {
  const characters = new Set<string>()
  const inputs = new Set<string>()
  for (const log of logs) {
    for (const { id, kind } of log.world.entities()) {
      if (kind !== 'character') continue
      if (characters.has(id)) throw new Finding(`character ${id} is in two places`)
      characters.add(id)
    }
    for (const key of log.inputs) {
      if (inputs.has(key)) throw new Finding(`${key} was applied in two logs`)
      inputs.add(key)
    }
    const left = [...(log.world.handover?.entries() ?? [])].filter(({ key }) => underWay.has(key[1]!))
    if (left.length > 0) throw new Finding(`${left.length} handovers are still under way`)
  }
  const bornIn = logs.reduce((sum, { born }) => sum + born, 0)
  if (characters.size !== bornIn) throw new Finding(`of ${bornIn} characters ${characters.size} are left`)
}

/** Of handover's entries: locks, releases, accepts. */
const underWay = new Set([0x6c, 0x72, 0x61])

/**
 * Reads an authority's log from every member's disk, replays the longest through the
 * rules, and holds the promises and the seals against what comes out.
 * @throws a Finding that says what was lost, doubled or contradicted
 */
export async function checkFinalLog(
  realm: Realm,
  { group, members }: { readonly group: number; readonly members: readonly number[] },
  diskOf: (node: number) => SimDisk,
  { promises, views }: Pick<Judge, 'promises' | 'views'>,
): Promise<FinalLog> {
  const { name } = realm.hosted.get(group)!
  const logs: LogRecord[][] = []
  for (const member of members) logs.push(await recordsOn(diskOf(member), group))
  const longest = logs.reduce((a, b) => (b.length > a.length ? b : a))
  logs.forEach((log, i) => {
    const at = firstDifference(log, longest)
    if (at < log.length)
      throw new Finding(`${name}: n${members[i]} has another record at leaf ${at} than the others`)
  })
  for (const { height, size, root } of views.decisions(group)) {
    const log = new MerkleLog(async () => undefined)
    log.append(leafHashes(longest.slice(0, size)))
    if (Buffer.compare(log.root(), root) !== 0)
      throw new Finding(`${name}: seal ${height} is decided, and the log has another root at ${size}`)
  }
  const replayed = replay(realm, group, longest)
  for (const [key, promised] of promises) {
    if (promised.group !== group || views.fellOff(group, promised.view, promised.leaf)) continue
    const applied = replayed.applied.get(key)
    if (applied === undefined) throw new Finding(`lost: ${name}, leaf ${promised.leaf}, promised as ${key}`)
    if (applied.leaf !== promised.leaf || applied.outcome !== promised.outcome)
      throw new Finding(
        `${name}: ${key} was promised at leaf ${promised.leaf}, but stands at ${applied.leaf}`,
      )
    const short = logs.findIndex(log => log.length <= promised.leaf)
    if (short >= 0) throw new Finding(`${name}: n${members[short]} has no leaf ${promised.leaf}`)
  }
  const { applied, sealedRoots, born, world } = replayed
  const inputs = new Set(applied.keys())
  return { records: longest.length, applied: applied.size, sealedRoots, born, inputs, world }
}

async function recordsOn(disk: SimDisk, group: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for await (const batch of new LogReader(readOnly(disk), group).batches(0)) records.push(...batch.records)
  return records
}

/** Reads a disk without taking virtual time. */
export function readOnly({ visible }: SimDisk): Store {
  return {
    write: () => {
      throw new Error('only for reading')
    },
    get: async key => visible.get(key),
    getMany: async keys => keys.map(key => visible.get(key)),
    async *range(range) {
      yield* visible.slice(range)
    },
    close: async () => {},
  }
}

function firstDifference(a: readonly LogRecord[], b: readonly LogRecord[]): number {
  const [left, right] = [leafHashes(a), leafHashes(b)]
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (Buffer.compare(left.subarray(32 * i, 32 * i + 32), right.subarray(32 * i, 32 * i + 32)) !== 0)
      return i
  }
  return Math.min(a.length, b.length)
}

interface Replayed {
  readonly applied: Map<string, { leaf: number; outcome: string }>
  sealedRoots: number
  born: number
  readonly world: World
}

/** The whole log through the rules from the charter on, by a shorter way than the daemon's own. */
function replay(realm: Realm, group: number, records: readonly LogRecord[]): Replayed {
  const { identity, charter, name } = realm.hosted.get(group)!
  const world = areaOf(createRules(worldHostOf(identity.origin, handoversOf(realm)), charter))!
  const tree = new StateTree()
  for (const entry of world.entries()) {
    const { key, value } = treeEntry(entry.key, entry.value)
    tree.set(key, value)
  }
  world.takeDirty()
  const replayed: Replayed = { applied: new Map(), sealedRoots: 0, born: 0, world }
  let marked: { height: number; root: Uint8Array } | undefined
  records.forEach((record, leaf) => {
    if (record.kind === recordKind.handover) {
      world.apply(record.kind, record.body, leaf)
    } else if (record.kind === recordKind.input || record.kind === recordKind.tick) {
      const { characters } = world
      const { outcome } = world.apply(record.kind, record.body, leaf)
      replayed.born += world.characters - characters
      if (record.kind === recordKind.input && outcome !== undefined && isConsumed(outcome.code)) {
        const key = promiseKey(inputHead(record.body)!)
        if (replayed.applied.has(key)) throw new Finding(`${name}: ${key} was applied twice`)
        replayed.applied.set(key, { leaf, outcome: Buffer.from(encodeOutcome(outcome)).toString('hex') })
      }
    } else if (record.kind === recordKind.mark) {
      marked = { height: decodeMark(record.body)!.height, root: rootOf(world, tree) }
    } else if (record.kind === recordKind.seal) {
      const seal = decodeSeal(record.body)!
      if (seal.height !== marked?.height) return // out of order: without effect
      if (Buffer.compare(seal.stateRoot, marked.root) !== 0)
        throw new Finding(`${name}: seal ${seal.height} names another state than the records give`)
      replayed.sealedRoots++
    }
  })
  return replayed
}

function rootOf(world: Rules, tree: StateTree): Uint8Array {
  for (const { key, value } of world.takeDirty()) {
    tree.set(treeKey(key), value === undefined ? undefined : treeEntry(key, value).value)
  }
  return tree.root()
}
