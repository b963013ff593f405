import { verified } from './decision.ts'
import { type Genesis, originOf } from './genesis.ts'
import { wrapped } from './report.ts'
import { describeSigners, LogSigners } from './signers.ts'

/** What a file proves, or why it proves nothing. */
export interface Verdict {
  readonly ok: boolean
  readonly kind: 'record-proof' | 'state-proof' | 'proof' | 'checkpoint' | 'receipt' | 'evidence' | 'unknown'
  /** What was found: machine readable, the names differ with the kind. */
  readonly facts: Readonly<Record<string, string | number>>
  /** The same for a person, in lines of at most 80 columns. */
  readonly message: string
}

/** Who may sign the log of this origin; a sentence where nobody can tell. */
export type Logs = (origin: string) => LogSigners | string

/** @param certificates the log's file of that name: without it, its founders alone are known */
export function signersOf(
  genesis: Genesis,
  origin: string,
  certificates: string | undefined,
): LogSigners | string {
  const area = genesis.areas.find(it => originOf(genesis, it) === origin)
  if (area === undefined) return 'The genesis file knows no such log.'
  const signers = new LogSigners(genesis, area)
  if (certificates === undefined) return signers
  const decision = verified(signers, certificates)
  if (typeof decision === 'string') return `The certificates shown do not hold for ${origin} (${decision}).`
  signers.learn(decision.named)
  return signers
}

export function refusal(kind: Verdict['kind'], why: string, facts: Verdict['facts'] = {}): Verdict {
  const message = [`NOT proven. ${why}`].flatMap(line => line.split('\n')).flatMap(wrapped)
  return { ok: false, kind, facts, message: message.join('\n') }
}

/** What somebody signed who has no part in the log is no proof of anything. */
export function strangersWord(signers: LogSigners, nodes: readonly number[]): string {
  const by = describeSigners(signers, nodes)
  return `It is signed by ${by}.\nWho became a member later stands in the log's certificates: show them with --certificates FILE.`
}
