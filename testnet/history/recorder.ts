import { createWriteStream, type WriteStream } from 'node:fs'
import type { HistoryEvent } from './event.ts'

/** What is asked for, before there is a line of it. */
export type Asked = Omit<HistoryEvent, 'process' | 'type' | 'timeNs'>
export type Ended = Pick<HistoryEvent, 'value' | 'log' | 'leaf' | 'size' | 'code'> & {
  type: 'ok' | 'fail' | 'info'
}

/** Writes a history as JSON lines, in the order in which things happened. */
export class HistoryRecorder {
  readonly #stream: WriteStream
  readonly #clients: number
  readonly #beganNs = process.hrtime.bigint()
  #failed: Error | undefined

  /** `clients` go by the numbers from 0. */
  constructor(path: string, clients: number) {
    this.#clients = clients
    this.#stream = createWriteStream(path)
    this.#stream.on('error', error => {
      this.#failed = error
    })
  }

  /** A client asks for something; what is returned is to be called with what came of it. */
  invoke(client: Process, asked: Asked): (ended: Ended) => void {
    const { number } = client
    this.#write({ process: number, type: 'invoke', ...asked })
    return ended => {
      const { type, value, ...facts } = ended
      this.#write({ process: number, type, ...asked, value, ...facts })
      if (type === 'info') client.number += this.#clients
    }
  }

  /** Resolves when everything is in the file. */
  async end(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#stream.once('close', resolve)
      this.#stream.end()
    })
    if (this.#failed !== undefined) throw this.#failed
  }

  #write(event: Omit<HistoryEvent, 'timeNs'>): void {
    const { process: number, type, f, key, value, ...facts } = event
    const timeNs = Number(process.hrtime.bigint() - this.#beganNs)
    this.#stream.write(`${JSON.stringify({ process: number, type, f, key, value, timeNs, ...facts })}\n`)
  }
}

/** A client's present number as a process of the history. */
export interface Process {
  number: number
}
