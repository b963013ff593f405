import { type BrokenRules, parseBrokenRules } from './broken-rules.ts'
import { fastLeafHash, fastNodeHash, sha256 } from './crypto.ts'
import { type Finding, Findings } from './findings.ts'
import type { Genesis, GenesisArea } from './genesis.ts'
import { ownRulesHash } from './own-code.ts'
import { Replay } from './replay/replay.ts'
import { concat, equalBytes } from './verify/bytes.ts'
import type { Checkpoint } from './verify/checkpoint.ts'
import { consistencyRoots, RootOfLeaves } from './verify/merkle.ts'

export type ProvenFault =
  | { readonly ok: true; readonly finding: Finding }
  | { readonly ok: false; readonly why: string }

const otherRecords = 'The records are not those of the signed log.'

const refuse = (why: string): ProvenFault => ({ ok: false, why })

/**
 * Replays the records once more: they must be those of the signed log, the state before them the one that its members sealed,
 * and what is claimed must be found.
 */
export async function verifyBrokenRules(
  text: string,
  genesis: Genesis,
  open: (note: string) => { readonly area: GenesisArea; readonly checkpoint: Checkpoint } | string,
): Promise<ProvenFault> {
  const evidence = parseBrokenRules(text)
  if (evidence === undefined) return refuse('The evidence is malformed.')
  const log = open(evidence.checkpoint)
  if (typeof log === 'string') return refuse(log)
  if (genesis.rules.contentHash !== ownRulesHash())
    return refuse('This program has other rules than that network.')
  const { area, checkpoint } = log
  if (!isEdgeOf(evidence.from, evidence.edge)) return refuse(otherRecords)
  const roots = new RootOfLeaves(fastNodeHash, { size: evidence.from, roots: evidence.edge })
  const findings = new Findings()
  const replay = replayFrom(evidence, genesis, area, findings)
  if (replay === undefined) return refuse('The state in it is none of these rules.')
  for (const [i, record] of evidence.records.entries()) {
    const { kind, rulesVersion, salt, body } = record
    const header = Uint8Array.of(1, kind, rulesVersion >> 8, rulesVersion & 255)
    roots.add(fastLeafHash(concat(header, sha256(concat(salt, body)))))
    replay.apply(evidence.from + i, record, () => roots.root())
  }
  await replay.settled()
  if (evidence.from > 0 && !replay.baseIsSealed)
    return refuse('The state in it is not what the members sealed.')
  if (!leadsTo(checkpoint, roots, evidence.path)) return refuse(otherRecords)
  if (roots.size === checkpoint.size) await replay.finish(roots.size)
  const finding = findings.list().find(found => isClaimed(found, evidence))
  return finding === undefined ? refuse('The records do not show what is claimed.') : { ok: true, finding }
}

function replayFrom(
  { from, state }: BrokenRules,
  genesis: Genesis,
  area: GenesisArea,
  findings: Findings,
): Replay | undefined {
  const fileOf = (): string => 'the records'
  try {
    const base = from === 0 ? undefined : { size: from, state }
    return new Replay(genesis, area, findings, fileOf, base)
  } catch {
    return undefined
  }
}

/** One root for each set bit of the size. */
function isEdgeOf(size: number, roots: readonly Uint8Array[]): boolean {
  const bits = size.toString(2).replaceAll('0', '').length
  return roots.length === bits && size <= Number.MAX_SAFE_INTEGER
}

function leadsTo({ size, root }: Checkpoint, roots: RootOfLeaves, path: readonly Uint8Array[]): boolean {
  if (roots.size === size) return path.length === 0 && equalBytes(roots.root(), root)
  const led = consistencyRoots(roots.size, size, path)
  return led !== undefined && equalBytes(led.new, root) && equalBytes(led.old, roots.root())
}

function isClaimed({ code, firstLeaf, lastLeaf }: Finding, claimed: BrokenRules): boolean {
  return code === claimed.code && firstLeaf <= claimed.lastLeaf && lastLeaf >= claimed.firstLeaf
}
