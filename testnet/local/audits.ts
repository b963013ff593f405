import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditAuthority } from '../../audit/audit.ts'
import { originOf } from '../../daemon/genesis/genesis.ts'
import type { LocalNetwork } from './network.ts'
import type { PromiseBook } from './promises.ts'

export interface AuditSummary {
  /** Every replica of every area was found in order. */
  readonly ok: boolean
  /** Records replayed on the first replica of each area, and state roots compared there. */
  readonly records: number
  readonly sealedRoots: number
  /** Replicas audited. */
  readonly replicas: number
  /** What was found, a sentence each. */
  readonly findings: readonly string[]
}

const settleMs = 20_000

/**
 * Audits every replica of every area over HTTP, and holds clients' promises against each. The audits share a memory, so that
 * two replicas which are each in order by themselves but tell different histories are found.
 */
export async function auditNetwork(
  network: LocalNetwork,
  book: PromiseBook,
  progress: (line: string) => void,
): Promise<AuditSummary> {
  await settled(network, book)
  const memory = mkdtempSync(join(tmpdir(), 'freehold-audit-'))
  try {
    return await auditAll(network, book, memory, progress)
  } finally {
    rmSync(memory, { recursive: true, force: true })
  }
}

async function auditAll(
  network: LocalNetwork,
  book: PromiseBook,
  memory: string,
  progress: (line: string) => void,
): Promise<AuditSummary> {
  let [records, sealedRoots, replicas] = [0, 0, 0]
  const findings: string[] = []
  const { file } = network.genesis
  for (const area of file.authorities) {
    const origin = originOf(file.network, area)
    for (const [i, member] of area.members.entries()) {
      const tally = book.newTally(origin)
      progress(`auditing ${area.name} on node ${member}`)
      const report = await auditAuthority({
        authority: area.name,
        from: network.nodes[member - 1]!.httpUrl,
        genesis: network.genesisPath,
        memory,
        onRecord: ({ leaf, record, applied }) => {
          if (applied?.outcome !== undefined) tally.audited(leaf, record.body, applied.outcome)
        },
      })
      replicas++
      for (const finding of report.findings) findings.push(`node ${member}: ${finding.message}`)
      if (i > 0) continue
      records += report.records
      sealedRoots += report.sealedRoots
    }
  }
  return { ok: findings.length === 0, records, sealedRoots, replicas, findings }
}

/** Waits until every replica has decided all that was promised, and all replicas of an area stand alike. */
async function settled(network: LocalNetwork, book: PromiseBook): Promise<void> {
  const deadline = performance.now() + settleMs
  while (performance.now() < deadline) {
    const views = (await Promise.all(network.nodes.map(node => network.authoritiesOf(node)))).flatMap(
      view => view ?? [],
    )
    const hosted = views.filter(authority => authority.hosted)
    const sizes = new Map<string, Set<number>>()
    for (const { name, finalSize } of hosted) sizes.set(name, (sizes.get(name) ?? new Set()).add(finalSize))
    const expected = network.genesis.file.authorities.reduce((sum, area) => sum + area.members.length, 0)
    const alike = hosted.length === expected && [...sizes.values()].every(each => each.size === 1)
    const sealed = hosted.every(
      authority => authority.finalSize > Math.max(0, book.highestLeaf(authority.origin)),
    )
    if (alike && sealed) return
    await sleep(200)
  }
}
