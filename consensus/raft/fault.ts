/**
 * The host broke the core's contract (or the core is wrong): nothing that a peer sends can cause it. The group must
 * stop, since going on could lose what was promised.
 */
export class RaftFault extends Error {
  readonly code: string
  readonly facts: Readonly<Record<string, number | string>>

  constructor(code: string, facts: Readonly<Record<string, number | string>> = {}) {
    super(`raft: ${code} ${JSON.stringify(facts)}`)
    this.name = 'RaftFault'
    this.code = code
    this.facts = facts
  }
}
