import type { Cancel, Channel, Clock, PeerId } from '../../ports.ts'
import { isDialable, placeOf } from '../addresses.ts'

export const reachProtocol = 'reach/1'
export const reachOptions = { maxFrameBytes: 1024, maxChannelsPerPeer: 2 }
const maxAddresses = 4
/** One that asks more often is refused: each question costs this node some dials. */
const askedEveryMs = 20_000
const maxUnderWay = 4
const maxAskers = 1000
const answerTimeoutMs = 20_000

export interface DialBackPorts {
  readonly clock: Clock
  /** The IP address at which the peer is; undefined when it is reached by a relay only. */
  ipOf(peer: PeerId): string | undefined
  /** A new connection to exactly this address, closed again; false when none came about. */
  tryDial(peer: PeerId, address: string): Promise<boolean>
  refused(code: string): void
}

/**
 * "Can you dial me there?" What libp2p's AutoNAT is for; its version 1 closes, in asking back, the connection that it was
 * asked on, and both versions want four peers in four networks, which a young world does not have. An address is dialled only
 * where its asker is, so that nobody can have others dialled (as in AutoNAT v1).
 * The question is `version u8 = 1 ‖ addresses, one a line`; the answer a byte for each, 1 or 0.
 */
export class DialBack {
  readonly #ports: DialBackPorts
  readonly #askedMs = new Map<PeerId, number>()
  #underWay = 0

  constructor(ports: DialBackPorts) {
    this.#ports = ports
  }

  accepted(channel: Channel): void {
    channel.onFrame(frame => void this.#answer(channel, frame))
  }

  /** Undefined when the peer did not answer. */
  async ask(channel: Channel, addresses: readonly string[]): Promise<readonly boolean[] | undefined> {
    const asked = addresses.slice(0, maxAddresses)
    const { promise, resolve } = Promise.withResolvers<readonly boolean[] | undefined>()
    const cancel: Cancel = this.#ports.clock.after(answerTimeoutMs, () => resolve(undefined))
    channel.onFrame(frame => {
      const isAnswer = frame.length === asked.length && frame.every(byte => byte <= 1)
      if (!isAnswer) this.#ports.refused('malformed-answer')
      resolve(isAnswer ? [...frame].map(byte => byte === 1) : undefined)
    })
    channel.onClose(() => resolve(undefined))
    channel.send(Buffer.from(`\u0001${asked.join('\n')}`))
    const answer = await promise
    cancel()
    channel.close('it was answered')
    return answer
  }

  async #answer(channel: Channel, frame: Uint8Array): Promise<void> {
    const addresses = readQuestion(frame)
    const ip = this.#ports.ipOf(channel.peer)
    const code =
      addresses === undefined ? 'malformed' : ip === undefined ? 'relayed' : this.#overRate(channel)
    if (code !== undefined || addresses === undefined) {
      this.#ports.refused(code ?? 'malformed')
      channel.close('refused')
      return
    }
    this.#underWay += 1
    try {
      const answers: number[] = []
      for (const address of addresses) {
        const isTheirs = placeOf(address)?.host === ip
        answers.push(isTheirs && (await this.#ports.tryDial(channel.peer, address)) ? 1 : 0)
      }
      channel.send(Uint8Array.from(answers))
    } finally {
      this.#underWay -= 1
    }
  }

  #overRate({ peer }: Channel): string | undefined {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#underWay >= maxUnderWay) return 'busy'
    if (nowMs - (this.#askedMs.get(peer) ?? Number.NEGATIVE_INFINITY) < askedEveryMs) return 'over-rate'
    if (this.#askedMs.size >= maxAskers) this.#askedMs.clear()
    this.#askedMs.set(peer, nowMs)
    return undefined
  }
}

function readQuestion(frame: Uint8Array): string[] | undefined {
  if (frame[0] !== 1) return undefined
  const addresses = Buffer.from(frame.subarray(1)).toString('latin1').split('\n')
  const isSane = addresses.length <= maxAddresses && addresses.every(isDialable)
  return isSane ? addresses : undefined
}
