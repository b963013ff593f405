import { encodeReceipts } from '../../client/protocol/receipts.ts'
import { DirectoryClient, type Saying } from '../../daemon/directory/client.ts'
import type { InputResult } from '../../daemon/gateway/router.ts'
import type { Clock } from '../../daemon/ports.ts'
import { encodeOutcome, isConsumed, type Outcome } from '../../world/codec.ts'
import { BEGIN_MS, identityOf, ORIGIN, type Stage, sha256 } from '../world/directory/support.ts'

/** Time that stands still until it is told to go on. */
export class HandClock implements Clock {
  nowMs = 0
  aheadMs = BEGIN_MS
  #due: { readonly atMs: number; readonly run: () => void }[] = []

  wallMs = () => this.nowMs + this.aheadMs
  monotonicMs = () => this.nowMs
  after = (delayMs: number, run: () => void) => {
    const due = { atMs: this.nowMs + delayMs, run }
    this.#due.push(due)
    return () => {
      this.#due = this.#due.filter(each => each !== due)
    }
  }

  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += 10) {
      const due = this.#due.filter(({ atMs }) => atMs <= this.nowMs)
      this.#due = this.#due.filter(({ atMs }) => atMs > this.nowMs)
      for (const { run } of due) run()
    }
  }
}

/** A node's client before a leader that has the real rules and no log. */
export class ClientNode {
  readonly clock: HandClock
  readonly client: DirectoryClient
  readonly bodies: Uint8Array[] = []
  readonly outcomes: Outcome[] = []
  readonly refused: string[] = []
  sayings: Saying['action'][] = []
  /** In place of the leader's own answer; each is taken once. */
  answers: InputResult[] = []

  constructor(stage: Stage, node: number, clock = new HandClock()) {
    this.clock = clock
    this.client = new DirectoryClient({
      ...{ origin: ORIGIN, identity: identityOf(node), clock, sha256 },
      known: () => undefined,
      random: { bytes: length => new Uint8Array(length).fill(node), below: () => 0 },
      next: () => {
        const action = this.sayings[0]
        if (action === undefined) return undefined
        const said: Saying['said'] = outcome => {
          this.sayings.shift()
          this.outcomes.push(outcome)
        }
        return { action, said }
      },
      submit: (body, answered) => {
        this.bodies.push(body)
        clock.after(5, () => answered(this.answers.shift() ?? answerOf(stage, body)))
      },
      count: (_, { code }) => void this.refused.push(code!),
    })
  }
}

/** As a leader answers: what was not taken has no receipt. */
function answerOf(stage: Stage, body: Uint8Array): InputResult {
  const refusal = stage.directory.check(body)
  if (refusal !== undefined && refusal.code !== 'duplicate') return { kind: 'refused', code: refusal.code }
  const outcome = stage.apply(body).outcome!
  if (!isConsumed(outcome.code)) return { kind: 'refused', code: outcome.code }
  return { kind: 'committed', receipts: receiptsOf(outcome) }
}

function receiptsOf(outcome: Outcome): Uint8Array {
  return encodeReceipts({
    ...{ epoch: 1, view: 0, term: 1, count: 1, signer: 1, signature: new Uint8Array(64) },
    ...{ header: Uint8Array.of(1, 3, 0, 1), leaf: outcome.leaf, index: 0, salts: new Uint8Array(16) },
    ...{ outcomes: [encodeOutcome(outcome)], proof: new Uint8Array(0) },
  })
}
