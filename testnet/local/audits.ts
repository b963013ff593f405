import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditAuthority } from '../../audit/audit.ts'
import { originOf } from '../../daemon/genesis/genesis.ts'
import type { GenesisAuthority } from '../../daemon/genesis/schema.ts'
import type { AuthorityView } from '../../daemon/http/view.ts'
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

/** A busy machine may take long to decide the last records. */
const settleMs = 30_000

/**
 * Audits every replica of every area over HTTP, and holds clients' promises against each. The audits share a memory, so that
 * two replicas which are each in order by themselves but tell different histories are found.
 */
export async function auditNetwork(
  network: LocalNetwork,
  book: PromiseBook,
  progress: (line: string) => void,
): Promise<AuditSummary> {
  const unsettled = await settled(network, book)
  const memory = mkdtempSync(join(tmpdir(), 'freehold-audit-'))
  try {
    const { findings, ...summary } = await auditAll(network, book, memory, progress)
    return { ...summary, ok: summary.ok && unsettled.length === 0, findings: [...unsettled, ...findings] }
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
  const views = await viewsOf(network)
  for (const area of file.authorities) {
    const origin = originOf(file.network, area)
    for (const [i, member] of membersOf(area, views).entries()) {
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

/**
 * Waits until every replica has decided all that was promised, and all replicas of an area stand alike. What has not come
 * so far in time is told, since what a replica has not decided yet is missing from its log.
 */
async function settled(network: LocalNetwork, book: PromiseBook): Promise<string[]> {
  const deadline = performance.now() + settleMs
  for (;;) {
    const behind = await unsettled(network, book)
    if (behind.length === 0 || performance.now() >= deadline) return behind
    await sleep(200)
  }
}

async function unsettled(network: LocalNetwork, book: PromiseBook): Promise<string[]> {
  const { file } = network.genesis
  const views = await viewsOf(network)
  const sizeOn = (member: number, name: string): number =>
    views[member - 1]?.find(authority => authority.hosted && authority.name === name)?.finalSize ?? 0
  return file.authorities.flatMap(area => {
    const promised = Math.max(0, book.highestLeaf(originOf(file.network, area))) + 1
    const members = membersOf(area, views)
    const largest = Math.max(promised, ...members.map(member => sizeOn(member, area.name)))
    return members
      .filter(member => sizeOn(member, area.name) < largest)
      .map(
        member =>
          `node ${member}: of ${area.name} ${sizeOn(member, area.name)} records are final, ${largest} were promised or are final elsewhere`,
      )
  })
}

type Views = readonly (readonly AuthorityView[] | undefined)[]

function viewsOf(network: LocalNetwork): Promise<Views> {
  return Promise.all(network.nodes.map(node => network.authoritiesOf(node)))
}

/** Who holds it now: the directory replaces members that are away for long. */
function membersOf({ name, members }: GenesisAuthority, views: Views): readonly number[] {
  const told = views.flatMap(view => view?.filter(authority => authority.name === name) ?? [])
  const newest = told.sort((a, b) => b.epoch - a.epoch)[0]
  return newest?.members.map(({ number }) => number) ?? members
}
