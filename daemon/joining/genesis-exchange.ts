import { hash } from 'node:crypto'
import type { Channel, Clock } from '../ports.ts'

/** A newcomer's first question: the file that says what this world is. */
export const genesisProtocol = 'genesis/1'
const pieceBytes = 64 * 1024
export const genesisProtocolOptions = { maxFrameBytes: pieceBytes, maxChannelsPerPeer: 1 }
export const genesisMaxBytes = 16 * 1024 * 1024
const maxServed = 8
/** Between two pieces, and for all of them. */
const silenceMs = 10_000
const downloadMs = 120_000

export type GenesisRefusal = 'too-large' | 'other-file' | 'broken-off' | 'timeout'

/** Gives the file to whoever asks with one empty frame: in pieces, then an empty one. */
export class GenesisServer {
  readonly #bytes: Uint8Array
  readonly #refused: (code: string) => void
  #served = 0

  constructor(bytes: Uint8Array, refused: (code: string) => void) {
    this.#bytes = bytes
    this.#refused = refused
  }

  accepted(channel: Channel): void {
    if (this.#served >= maxServed) {
      this.#refused('busy')
      channel.close('busy')
      return
    }
    this.#served += 1
    channel.onClose(() => {
      this.#served -= 1
    })
    let at: number | undefined
    const send = (): void => {
      while (at !== undefined && at < this.#bytes.length) {
        const piece = this.#bytes.subarray(at, at + pieceBytes)
        at += piece.length
        if (!channel.send(piece)) return
      }
      if (at === undefined) return
      at = undefined
      channel.send(new Uint8Array(0))
    }
    channel.onFrame(frame => {
      if (frame.length > 0 || at !== undefined) {
        this.#refused('malformed')
        channel.close('malformed')
        return
      }
      at = 0
      send()
    })
    channel.onDrain(send)
  }
}

/** Asks over the channel for the file with this hash (hex). Never rejects. */
export async function askForGenesis(
  channel: Channel,
  hashHex: string,
  clock: Clock,
): Promise<Uint8Array | GenesisRefusal> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | GenesisRefusal>()
  const pieces: Uint8Array[] = []
  let size = 0
  const late = () => resolve('timeout')
  let cancelSilence = clock.after(silenceMs, late)
  const cancelAll = clock.after(downloadMs, late)
  channel.onFrame(frame => {
    cancelSilence()
    cancelSilence = clock.after(silenceMs, late)
    size += frame.length
    if (size > genesisMaxBytes) return resolve('too-large')
    if (frame.length > 0) {
      pieces.push(Uint8Array.from(frame))
      return
    }
    const bytes = new Uint8Array(Buffer.concat(pieces))
    resolve(hash('sha256', bytes, 'hex') === hashHex ? bytes : 'other-file')
  })
  channel.onClose(() => resolve('broken-off'))
  channel.send(new Uint8Array(0))
  const outcome = await promise
  cancelSilence()
  cancelAll()
  channel.close('the genesis file is here')
  return outcome
}
