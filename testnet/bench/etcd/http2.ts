/** As much of HTTP/2 (RFC 9113) and HPACK (RFC 7541) as a gRPC client needs that makes one kind of call. */

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
export const flag = { ack: 1, endStream: 1, endHeaders: 4 }
export const frameHeaderBytes = 9
/** What a peer may send us on one stream, and on the connection, before we must answer: so much that we never need to. */
const windowBytes = 0x7fffffff
export const defaultWindowBytes = 65_535
const initialWindowSetting = 4

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(payload, frameHeaderBytes)
  return bytes
}

/** What a client says first. */
export function greeting(): Buffer {
  const settings = Buffer.alloc(6)
  settings.writeUInt16BE(initialWindowSetting, 0)
  settings.writeUInt32BE(windowBytes, 2)
  const more = Buffer.alloc(4)
  more.writeUInt32BE(windowBytes - defaultWindowBytes)
  return Buffer.concat([
    preface,
    frame(frameType.settings, 0, 0, settings),
    frame(frameType.windowUpdate, 0, 0, more),
  ])
}

const staticName = { authority: 1, path: 4, contentType: 31 }
const indexedPost = 0x83
const indexedHttp = 0x86

/** The header block of a gRPC call: the same bytes for each, since nothing goes into the dynamic table. */
export function grpcHeaders(authority: string, path: string): Buffer {
  return Buffer.concat([
    Buffer.from([indexedPost, indexedHttp]),
    literal(staticName.path, path),
    literal(staticName.authority, authority),
    literal(staticName.contentType, 'application/grpc'),
    Buffer.concat([Buffer.from([0]), text('te'), text('trailers')]),
  ])
}

/** A literal without indexing: the name from the static table, a 4-bit prefix integer (RFC 7541, 5.1 and 6.2.2). */
function literal(name: number, value: string): Buffer {
  const index = name < 15 ? Buffer.from([name]) : Buffer.from([15, name - 15])
  return Buffer.concat([index, text(value)])
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** Cuts what arrives into frames. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer, take: (frame: Frame) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3)
      if (end > bytes.length) break
      take({
        type: bytes[at + 3]!,
        flags: bytes[at + 4]!,
        stream: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + frameHeaderBytes, end),
      })
      at = end
    }
    this.#rest = bytes.subarray(at)
  }
}
