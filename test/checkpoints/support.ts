import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseGenesis as parseAuditorsGenesis } from '../../audit/genesis.ts'
import type { Verdict } from '../../audit/verdict.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import { Comparer } from '../../daemon/checkpoints/comparer.ts'
import { Judge, type Proven } from '../../daemon/evidence/judge.ts'
import { type Claim, LogKeys, readClaim } from '../../daemon/evidence/log-keys.ts'
import { buildGenesis } from '../../daemon/genesis/build.ts'
import { encodeGenesis, originOf, parseGenesis } from '../../daemon/genesis/genesis.ts'
import { isDirectory, placesOf } from '../../daemon/genesis/schema.ts'
import { checkpointSigner, PublishedLog } from '../../daemon/hosting/log-view.ts'
import { createNodeKeys, type NodeKeys } from '../../daemon/identity/node-keys.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { signNote } from '../../storage/log/note.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import { passingOperators } from '../../testnet/local/operators.ts'

/** Five nodes; the first area is held by 1 to 4, the second by 2 to 5. */
export class Town {
  readonly folder = mkdtempSync(join(tmpdir(), 'freehold-checkpoints-'))
  readonly nodes: readonly NodeKeys[]
  readonly genesis: ReturnType<typeof parseGenesis>
  readonly origins: readonly string[]
  readonly logKeys: LogKeys
  readonly judge: Judge

  constructor() {
    this.nodes = [1, 2, 3, 4, 5].map(n => createNodeKeys(join(this.folder, `${n}.json`), 'town'))
    const { file } = buildGenesis({
      ...{ network: 'town', createdAt: new Date(0), areas: 2, replicas: 4, seed: 7 },
      operators: passingOperators(),
      nodes: this.nodes.map(keys => ({ keys, operator: 'o', addresses: ['/ip4/127.0.0.1/tcp/7300'] })),
    })
    const areas = placesOf(file).map((area, i) => ({
      ...area,
      members: [1, 2, 3, 4].map(n => n + i),
    }))
    const authorities = [...areas, ...file.authorities.filter(isDirectory)]
    this.genesis = parseGenesis(encodeGenesis({ ...file, authorities }))
    this.origins = areas.map(area => originOf('town', area))
    this.logKeys = new LogKeys(
      this.origins,
      this.nodes.map((keys, i) => ({ node: i + 1, logKey: keys.log.publicKey })),
    )
    this.judge = new Judge({
      ...{ origins: this.origins, logKeys: this.logKeys, verify: verifySignature },
      voteKeyOf: node => this.nodes[node - 1]?.vote.publicKey,
      mayHold: (origin, node) => this.mayHold(origin, node),
    })
  }

  mayHold(origin: string, node: number): boolean {
    return this.genesis.file.authorities[this.origins.indexOf(origin)]!.members.includes(node)
  }

  sign(node: number, origin: string, size: number, root: Uint8Array): string {
    const text = formatCheckpoint({ origin, size, root, extensions: [] })
    return signNote(text, [checkpointSigner(origin, this.nodes[node - 1]!.log)])
  }

  claim(node: number, origin: string, size: number, root: Uint8Array): Claim {
    return readClaim(this.sign(node, origin, size, root))!
  }

  /** As `freehold verify` does, with the genesis file alone. */
  async verify(evidence: string): Promise<Verdict> {
    return await verifyBytes(Buffer.from(evidence), parseAuditorsGenesis(this.genesis.bytes, 'genesis.json'))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function leaf(index: number): Uint8Array {
  return sha256(Buffer.from(`leaf ${index}`))
}

export const fakeRoot = (seed: number): Uint8Array => sha256(Buffer.from(`fake ${seed}`))

/** A log as a node holds and serves it. All replicas have the same leaves. */
export class Replica {
  readonly log: MerkleLog
  readonly published: PublishedLog

  constructor(town: Town, node: number, origin: string) {
    const tiles = new Map<string, Uint8Array>()
    this.log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
    const append = this.log.append.bind(this.log)
    this.log.append = hashes => {
      const full = append(hashes)
      for (const tile of full) tiles.set(`${tile.level}/${tile.index}`, tile.hashes)
      return full
    }
    const reader = new LogReader(new MemoryStore(), 1)
    const signer = checkpointSigner(origin, town.nodes[node - 1]!.log)
    this.published = new PublishedLog(origin, this.log, reader, signer, new Uint8Array(0))
  }

  /** What lies above the size that is served is committed only. */
  grow(size: number, served = size): void {
    while (this.log.size < size) this.log.append(leaf(this.log.size))
    if (served > 0 && served === this.log.size) this.published.publish({ size, root: this.log.root() })
  }
}

/** One node that compares, holding some of the logs. */
export class Watcher {
  readonly comparer: Comparer
  readonly replicas = new Map<string, Replica>()
  readonly evidence: string[] = []
  found: (evidence: string) => void = evidence => this.evidence.push(evidence)
  readonly refused: string[] = []

  constructor(town: Town, node: number, nowMs: () => number = () => 0) {
    for (const origin of town.origins)
      if (town.mayHold(origin, node)) this.replicas.set(origin, new Replica(town, node, origin))
    this.comparer = new Comparer({
      ...{ keys: town.logKeys, nowMs, mayHold: (origin, signer) => town.mayHold(origin, signer) },
      own: origin => this.replicas.get(origin)?.published,
      found: evidence => this.found(evidence),
      count: (_name, { code }) => this.refused.push(code!),
    })
  }

  grow(origin: string, size: number): void {
    this.replicas.get(origin)!.grow(size)
    this.comparer.ownGrew(origin)
  }

  /** All that it has found, each of which must prove itself. */
  async proven(town: Town): Promise<Proven[]> {
    let before: Promise<void>
    do {
      before = this.comparer.idle
      await before
    } while (before !== this.comparer.idle)
    return await Promise.all(
      this.evidence.map(async text => {
        const proven = town.judge.judge(text)
        assert.ok(typeof proven === 'object', text)
        const verdict = await town.verify(text)
        assert.ok(verdict.ok, verdict.message)
        return proven
      }),
    )
  }
}

export async function rootAt(size: number): Promise<Uint8Array> {
  const log = new MerkleLog(async () => undefined)
  for (let i = 0; i < size; i++) log.append(leaf(i))
  return log.root()
}
