import { connect, type Socket } from 'node:net'
import {
  defaultWindowBytes,
  type Frame,
  FrameCutter,
  flag,
  frame,
  frameHeaderBytes,
  frameType,
  greeting,
  grpcHeaders,
} from './http2.ts'

const keyBytes = 8
const grpcPrefixBytes = 5

/** Answers: whether it was put, and the leader's word on it arrived. */
type Done = (ok: boolean) => void

/**
 * One connection that puts values into etcd by gRPC. Leaner than any general client, so that the processors that it
 * shares with etcd go to etcd: a call is one copy of a prepared request, and all calls of a turn leave in one write.
 */
export class PutConnection {
  readonly #socket: Socket
  readonly #cutter = new FrameCutter()
  readonly #request: Buffer
  readonly #headersBytes: number
  readonly #keyAt: number
  readonly #waiting = new Map<number, { done: Done; answered: boolean }>()
  #unsent: Buffer[] = []
  /** Calls that the peer's window does not take yet. */
  #held: Buffer[] = []
  #windowBytes = defaultWindowBytes
  #stream = 1
  #scheduled = false

  static open(host: string, port: number, valueBytes: number): Promise<PutConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new PutConnection(socket, `${host}:${port}`, valueBytes))
      })
    })
  }

  private constructor(socket: Socket, authority: string, valueBytes: number) {
    this.#socket = socket
    const headers = frame(
      frameType.headers,
      flag.endHeaders,
      0,
      grpcHeaders(authority, '/etcdserverpb.KV/Put'),
    )
    const { message, keyAt } = putRequest(valueBytes)
    const data = frame(frameType.data, flag.endStream, 0, message)
    this.#headersBytes = headers.length
    this.#keyAt = headers.length + frameHeaderBytes + keyAt
    this.#request = Buffer.concat([headers, data])
    socket.on('data', chunk => this.#cutter.push(chunk, each => this.#take(each)))
    socket.on('close', () => this.#failAll())
    socket.on('error', () => this.#failAll())
    socket.write(greeting())
  }

  close(): void {
    this.#socket.destroy()
  }

  put(key: number, done: Done): void {
    const request = Buffer.from(this.#request)
    request.writeUInt32BE(this.#stream, 5)
    request.writeUInt32BE(this.#stream, this.#headersBytes + 5)
    request.writeDoubleBE(key, this.#keyAt)
    this.#waiting.set(this.#stream, { done, answered: false })
    this.#stream += 2
    this.#held.push(request)
    this.#release()
  }

  get #dataBytes(): number {
    return this.#request.length - this.#headersBytes - frameHeaderBytes
  }

  #release(): void {
    while (this.#held.length > 0 && this.#windowBytes >= this.#dataBytes) {
      this.#windowBytes -= this.#dataBytes
      this.#unsent.push(this.#held.shift()!)
    }
    if (this.#unsent.length > 0) this.#flushSoon()
  }

  #send(bytes: Buffer): void {
    this.#unsent.push(bytes)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#socket.write(Buffer.concat(this.#unsent))
      this.#unsent = []
    })
  }

  #take({ type, flags, stream, payload }: Frame): void {
    if (type === frameType.data) {
      const waiting = this.#waiting.get(stream)
      if (waiting !== undefined) waiting.answered = true
      if ((flags & flag.endStream) !== 0) this.#end(stream)
    } else if (type === frameType.headers) {
      if ((flags & flag.endStream) !== 0) this.#end(stream)
    } else if (type === frameType.reset) {
      this.#end(stream)
    } else if (type === frameType.settings && (flags & flag.ack) === 0) {
      this.#send(frame(frameType.settings, flag.ack, 0, Buffer.alloc(0)))
    } else if (type === frameType.ping && (flags & flag.ack) === 0) {
      this.#send(frame(frameType.ping, flag.ack, 0, payload))
    } else if (type === frameType.windowUpdate && stream === 0) {
      this.#windowBytes += payload.readUInt32BE(0)
      this.#release()
    } else if (type === frameType.goAway) this.close()
  }

  /** A failed call has trailers only; one that was done has a message before them. */
  #end(stream: number): void {
    const waiting = this.#waiting.get(stream)
    if (waiting === undefined) return
    this.#waiting.delete(stream)
    waiting.done(waiting.answered)
  }

  #failAll(): void {
    for (const stream of [...this.#waiting.keys()]) this.#end(stream)
  }
}

/** A PutRequest {key = 1, value = 2} behind gRPC's prefix (u8 compressed, u32 length). */
function putRequest(valueBytes: number): { message: Buffer; keyAt: number } {
  const value = Buffer.alloc(valueBytes, 0xa5)
  const head = Buffer.from([0x0a, keyBytes])
  const valueHead = Buffer.from([0x12, ...varint(valueBytes)])
  const body = Buffer.concat([head, Buffer.alloc(keyBytes), valueHead, value])
  const prefix = Buffer.alloc(grpcPrefixBytes)
  prefix.writeUInt32BE(body.length, 1)
  return { message: Buffer.concat([prefix, body]), keyAt: grpcPrefixBytes + head.length }
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}
