import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Channel, PeerId } from '../ports.ts'
import { messageOf } from './errors.ts'
import { FrameReader, FrameWriter } from './frames.ts'

/** Past this many bytes not yet taken by the stream, `send` answers false. */
const highWaterBytes = 256 * 1024
/** Back at this many bytes, `onDrain` is told. */
const lowWaterBytes = 64 * 1024
/** A sender that goes on regardless loses the channel at this many bytes. */
const maxQueuedBytes = 64 * 1024 * 1024
/** What is held for a listener that has not been attached yet. */
const maxEarlyBytes = 1024 * 1024

/** Why a channel was ended by this side and not by its user; counted by the owner. */
export type ChannelFault = 'frame-too-large' | 'send-queue-full' | 'early-frames' | 'listener-failed'

export interface ChannelOwner {
  onFault(channel: StreamChannel, fault: ChannelFault, detail: string): void
  onEnd(channel: StreamChannel): void
}

/** A `Channel` on one libp2p stream. Everything sent in one turn leaves in one write. */
export class StreamChannel implements Channel {
  readonly peer: PeerId
  readonly protocol: string
  readonly opener: 'us' | 'them'
  readonly connectionId: string
  readonly #stream: Stream
  readonly #owner: ChannelOwner
  readonly #maxFrameBytes: number
  readonly #reader: FrameReader
  readonly #writer = new FrameWriter()
  #frameListener: ((frame: Uint8Array) => void) | undefined
  #drainListeners: (() => void)[] = []
  #closeListeners: ((reason: string) => void)[] = []
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #flushScheduled = false
  #saidFull = false
  #closedBecause: string | undefined

  constructor(
    stream: Stream,
    facts: {
      peer: PeerId
      protocol: string
      opener: 'us' | 'them'
      connectionId: string
      maxFrameBytes: number
    },
    owner: ChannelOwner,
  ) {
    this.peer = facts.peer
    this.protocol = facts.protocol
    this.opener = facts.opener
    this.connectionId = facts.connectionId
    this.#maxFrameBytes = facts.maxFrameBytes
    this.#reader = new FrameReader(facts.maxFrameBytes)
    this.#stream = stream
    this.#owner = owner
    // A stream without a message listener buffers and resets at 4 MiB, so it is attached before anything else.
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('drain', this.#onStreamDrain)
    stream.addEventListener('idle', this.#tellDrained)
    stream.addEventListener('close', this.#onStreamClose)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    if (stream.status !== 'open') queueMicrotask(() => this.#end('the stream was closed'))
  }

  get closed(): boolean {
    return this.#closedBecause !== undefined
  }

  send(frame: Uint8Array): boolean {
    if (this.#closedBecause !== undefined) return false
    if (frame.length > this.#maxFrameBytes) {
      this.#fault(
        'frame-too-large',
        `a frame of ${frame.length} bytes to send, ${this.#maxFrameBytes} allowed`,
      )
      return false
    }
    this.#writer.add(frame)
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      queueMicrotask(this.#flush)
    }
    const queuedBytes = this.#writer.bytes + this.#stream.writeBufferLength
    if (queuedBytes > maxQueuedBytes) {
      this.#fault('send-queue-full', `${queuedBytes} bytes wait to be sent`)
      return false
    }
    if (queuedBytes < highWaterBytes && !this.#stream.writableNeedsDrain) return true
    this.#saidFull = true
    return false
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#frameListener = listener
    const early = this.#early
    this.#early = []
    this.#earlyBytes = 0
    for (const frame of early) this.#deliver(frame)
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  onClose(listener: (reason: string) => void): void {
    const reason = this.#closedBecause
    if (reason === undefined) this.#closeListeners.push(listener)
    else queueMicrotask(() => listener(reason))
  }

  close(reason: string): void {
    this.#end(reason)
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false
    // A stream that waits for its peer keeps what it has; the rest stays here, where it is counted.
    if (this.#closedBecause !== undefined || this.#stream.writableNeedsDrain) return
    try {
      for (const chunk of this.#writer.take()) this.#stream.send(chunk)
    } catch (error) {
      this.#end(`sending failed: ${messageOf(error)}`)
      return
    }
    this.#tellDrained()
  }

  /** The stream goes on with what it has in a microtask that it queued before this one. */
  readonly #onStreamDrain = (): void => {
    queueMicrotask(this.#flush)
  }

  /**
   * Each little update of the peer's window is a `drain` of the stream. Whoever waits is told only when the queue is
   * short again; otherwise he would add a frame per update and the queue would grow without end.
   */
  readonly #tellDrained = (): void => {
    if (!this.#saidFull || this.#closedBecause !== undefined || this.#stream.writableNeedsDrain) return
    if (this.#writer.bytes + this.#stream.writeBufferLength > lowWaterBytes) return
    this.#saidFull = false
    for (const listener of this.#drainListeners) this.#call(listener)
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    const data = event.data
    if (data instanceof Uint8Array) {
      this.#read(data)
      return
    }
    for (const chunk of data) if (!this.#read(chunk)) return
  }

  #read(chunk: Uint8Array): boolean {
    if (this.#closedBecause !== undefined) return false
    const wellFormed = this.#reader.push(chunk, this.#deliver)
    if (!wellFormed && this.#closedBecause === undefined) {
      this.#fault('frame-too-large', `the other side announced a frame over ${this.#maxFrameBytes} bytes`)
    }
    return wellFormed
  }

  readonly #deliver = (frame: Uint8Array): boolean => {
    if (this.#frameListener === undefined) {
      this.#early.push(frame)
      this.#earlyBytes += frame.length + 64
      if (this.#earlyBytes > maxEarlyBytes + this.#maxFrameBytes) {
        this.#fault('early-frames', 'nobody listened to what arrived')
      }
    } else {
      const listener = this.#frameListener
      this.#call(() => listener(frame))
    }
    return this.#closedBecause === undefined
  }

  /** A listener that throws is our own fault, and must cost this channel only. */
  #call(listener: () => void): void {
    if (this.#closedBecause !== undefined) return
    try {
      listener()
    } catch (error) {
      this.#fault('listener-failed', messageOf(error))
    }
  }

  readonly #onStreamClose = (event: StreamCloseEvent): void => {
    this.#end(event.error === undefined ? 'the other side closed it' : event.error.message)
  }

  /** A half-closed stream is no use to frames both ways. */
  readonly #onRemoteCloseWrite = (): void => {
    this.#end('the other side closed it')
  }

  #fault(fault: ChannelFault, detail: string): void {
    this.#owner.onFault(this, fault, detail)
    this.#end(`${fault}: ${detail}`)
  }

  #end(reason: string): void {
    if (this.#closedBecause !== undefined) return
    this.#closedBecause = reason
    const stream = this.#stream
    stream.removeEventListener('message', this.#onMessage)
    stream.removeEventListener('drain', this.#onStreamDrain)
    stream.removeEventListener('idle', this.#tellDrained)
    stream.removeEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    // Aborting always works; a graceful close waits for a peer that may never read.
    stream.abort(new Error(reason))
    this.#early = []
    this.#writer.take()
    this.#owner.onEnd(this)
    for (const listener of this.#closeListeners) {
      try {
        listener(reason)
      } catch (error) {
        this.#owner.onFault(this, 'listener-failed', messageOf(error))
      }
    }
  }
}
