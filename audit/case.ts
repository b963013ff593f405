import type { Finding, Findings } from './findings.ts'
import { findArea, type Genesis, type GenesisArea } from './genesis.ts'
import { pathOf, resourceAt, tileWidth } from './log/paths.ts'
import { LogSigners } from './signers.ts'
import type { LogSource } from './source/source.ts'

/** One log at one source, and what was found out about it so far. */
export interface LogCase {
  readonly source: LogSource
  readonly genesis: Genesis
  readonly area: GenesisArea
  readonly origin: string
  readonly signers: LogSigners
  /** Of the log's files: `log/<origin>`. */
  readonly folder: string
  readonly findings: Findings
  /** What is no fault, but should be known: a sentence each. */
  readonly notes: string[]
  /** Files that prove a finding. */
  readonly evidence: Map<Finding, string>
}

/** @throws AuditError `unknown-authority` */
export function openCase(
  source: LogSource,
  genesis: Genesis,
  authority: string,
  findings: Findings,
): LogCase {
  const area = findArea(genesis, authority)
  const signers = new LogSigners(genesis, area)
  const { origin } = signers
  const folder = `log/${origin}`
  return { source, genesis, area, origin, signers, folder, findings, notes: [], evidence: new Map() }
}

/** The file that has a leaf's body, in a log of `size` leaves. */
export function bodiesFile({ folder }: LogCase, leaf: number, size: number): string {
  const resource = resourceAt('bodies', Math.floor(leaf / tileWidth), size)
  return `${folder}/${resource === undefined ? 'bodies' : pathOf(resource)}`
}
