/**
 * Frames on a stream: u32 big-endian length, then that many bytes.
 */
export const frameHeaderBytes = 4

/**
 * Cuts a byte stream into frames. The limit is checked as soon as the length is known, before anything is kept.
 * Frames that lie whole in one chunk are views of it, so a listener that keeps a frame for long should copy it.
 */
export class FrameReader {
  readonly #maxFrameBytes: number
  #headerBytes = 0
  #length = 0
  #body: Buffer | undefined
  #bodyBytes = 0

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Calls `take` for every complete frame; stops and returns false when a frame is over the limit or `take` says so. */
  push(chunk: Uint8Array, take: (frame: Uint8Array) => boolean): boolean {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#headerBytes < frameHeaderBytes) {
        this.#length = this.#length * 256 + (chunk[offset] as number)
        this.#headerBytes += 1
        offset += 1
        if (this.#headerBytes < frameHeaderBytes) continue
        if (this.#length > this.#maxFrameBytes) return false
        if (this.#length === 0 && !this.#finish(chunk.subarray(offset, offset), take)) return false
        continue
      }
      const missing = this.#length - this.#bodyBytes
      const available = Math.min(missing, chunk.length - offset)
      if (this.#body === undefined && available === this.#length) {
        const frame = chunk.subarray(offset, offset + available)
        offset += available
        if (!this.#finish(frame, take)) return false
        continue
      }
      this.#body ??= Buffer.allocUnsafe(this.#length)
      this.#body.set(chunk.subarray(offset, offset + available), this.#bodyBytes)
      this.#bodyBytes += available
      offset += available
      if (this.#bodyBytes === this.#length && !this.#finish(this.#body, take)) return false
    }
    return true
  }

  #finish(frame: Uint8Array, take: (frame: Uint8Array) => boolean): boolean {
    this.#headerBytes = 0
    this.#length = 0
    this.#body = undefined
    this.#bodyBytes = 0
    return take(frame)
  }
}

/**
 * A yamux frame of this many bytes and its 12-byte header fill exactly one noise message (65,535 less the tag of 16).
 * One byte more would cost a second encryption and a second packet.
 */
const chunkBytes = 65_535 - 16 - 12
const firstChunkBytes = 2048

/** Packs frames into chunks, one copy each, so that all frames of one turn leave in as few writes as possible. */
export class FrameWriter {
  #full: Uint8Array[] = []
  #chunk: Buffer | undefined
  #used = 0
  #bytes = 0

  /** Bytes waiting to be taken. */
  get bytes(): number {
    return this.#bytes
  }

  add(frame: Uint8Array): void {
    const chunk = this.#room(frameHeaderBytes + frame.length)
    if (this.#used + frameHeaderBytes <= chunk.length) {
      chunk.writeUInt32BE(frame.length, this.#used)
      this.#used += frameHeaderBytes
      this.#bytes += frameHeaderBytes
    } else {
      const header = Buffer.alloc(frameHeaderBytes)
      header.writeUInt32BE(frame.length)
      this.#copy(header, frameHeaderBytes + frame.length)
    }
    this.#copy(frame, frame.length)
  }

  /** Everything added since the last call. */
  take(): Uint8Array[] {
    const taken = this.#full
    if (this.#chunk !== undefined && this.#used > 0) taken.push(this.#chunk.subarray(0, this.#used))
    this.#full = []
    this.#chunk = undefined
    this.#used = 0
    this.#bytes = 0
    return taken
  }

  #copy(bytes: Uint8Array, comingBytes: number): void {
    let offset = 0
    while (offset < bytes.length) {
      const chunk = this.#room(comingBytes - offset)
      const count = Math.min(bytes.length - offset, chunk.length - this.#used)
      chunk.set(
        offset === 0 && count === bytes.length ? bytes : bytes.subarray(offset, offset + count),
        this.#used,
      )
      this.#used += count
      this.#bytes += count
      offset += count
    }
  }

  #room(comingBytes: number): Buffer {
    if (this.#chunk !== undefined && this.#used < this.#chunk.length) return this.#chunk
    const previousBytes = this.#chunk?.length ?? 0
    if (this.#chunk !== undefined) this.#full.push(this.#chunk)
    const wanted = Math.max(comingBytes, previousBytes * 4, firstChunkBytes)
    this.#chunk = Buffer.allocUnsafe(Math.min(wanted, chunkBytes))
    this.#used = 0
    return this.#chunk
  }
}
