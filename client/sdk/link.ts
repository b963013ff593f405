import { decoded, encoded } from '../protocol/encode.ts'
import {
  type Challenge,
  type ClientMessage,
  readServerMessage,
  type ServerMessage,
  type Welcome,
  writeClientMessage,
  writeServerMessage,
} from '../protocol/gateway.pb.js'
import {
  challengeMessage,
  grantMessage,
  HASH_BYTES,
  NONCE_BYTES,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from '../protocol/session.ts'
import { ClientError } from './errors.ts'
import type { Signer } from './keys.ts'
import { checkNetwork, type Trust } from './trust.ts'

/** A gateway has no reason to say more at once. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** The part of a WebSocket that a link uses: the browser's and Node's own have it, and so has the package ws. */
export interface SocketLike {
  binaryType: string
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(bytes: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
}

export type SocketMaker = (url: string) => SocketLike

/** One connection to one gateway, with its session open. */
export interface Link {
  readonly url: string
  readonly welcome: Welcome
  readonly genesisHash: Uint8Array
  send(message: ClientMessage): void
  /** Ends it; `onClose` isn't called. */
  close(): void
}

export interface LinkOptions {
  readonly url: string
  readonly makeSocket: SocketMaker
  readonly player: Signer
  readonly session: Signer
  readonly area: string
  readonly grantMs: number
  readonly timeoutMs: number
  readonly trust: Trust | undefined
  readonly onOpen: (link: Link) => void
  readonly onMessage: (message: ServerMessage) => void
  readonly onClose: (code: string) => void
}

/** Connects and opens the session. Rejects with a `ClientError`: `unreachable`, `timeout`, `refused`, `other-network`, `other-area`, … */
export function openLink(options: LinkOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = options.makeSocket(options.url)
    socket.binaryType = 'arraybuffer'
    let genesisHash: Uint8Array | undefined
    let opened = false
    let over = false

    const timer = setTimeout(
      () => fail(new ClientError('timeout', `The gateway ${options.url} did not answer in time.`)),
      options.timeoutMs,
    )

    function finish(): void {
      over = true
      clearTimeout(timer)
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    }

    function fail(error: ClientError): void {
      if (over) return
      finish()
      reject(error)
    }

    function end(code: string): void {
      if (over) return
      finish()
      options.onClose(code)
    }

    const send = (message: ClientMessage): void => socket.send(encodeClient(message))

    async function answer(challenge: Challenge): Promise<void> {
      genesisHash = checkedChallenge(challenge)
      checkNetwork(options.trust, genesisHash)
      const open = await openMessage(options, challenge, genesisHash)
      if (!over) send({ open })
    }

    socket.onclose = (event: { code?: number; reason?: string }): void => {
      const code = event.reason || 'disconnected'
      if (opened) end(code)
      else
        fail(
          new ClientError(
            code,
            `The gateway ${options.url} is not reachable or closed the connection (${code}).`,
          ),
        )
    }
    // A close event follows.
    socket.onerror = () => {}
    socket.onmessage = (event: { data: unknown }): void => {
      const message = event.data instanceof ArrayBuffer ? decodeServer(event.data) : undefined
      if (message === undefined) {
        if (opened) end('malformed')
        else fail(new ClientError('malformed', `What answers at ${options.url} is no gateway.`))
      } else if (opened) {
        options.onMessage(message)
      } else if (message.kind === 'challenge' && genesisHash === undefined) {
        answer(message.challenge!).catch(fail)
      } else if (message.kind === 'welcome' && genesisHash !== undefined) {
        const { area } = message.welcome!
        // What this session has asked for is for one area, and must not reach another.
        if (options.area !== '' && area !== options.area)
          return fail(
            new ClientError('other-area', `The gateway ${options.url} opened another area: ${area}.`),
          )
        opened = true
        clearTimeout(timer)
        // At once and not by the promise: the next message may come before a promise is told.
        options.onOpen({ url: options.url, welcome: message.welcome!, genesisHash, send, close: finish })
        resolve()
      } else if (message.kind === 'problem') {
        fail(new ClientError(message.problem!.code, message.problem!.message))
      }
    }
  })
}

function checkedChallenge(challenge: Challenge): Uint8Array {
  const { nonce, genesisHash, versionMin, versionMax } = challenge
  if (nonce?.length !== NONCE_BYTES || genesisHash?.length !== HASH_BYTES) {
    throw new ClientError('malformed', "The gateway's challenge is malformed.")
  }
  if (versionMin > PROTOCOL_VERSION_MAX || versionMax < PROTOCOL_VERSION_MIN) {
    throw new ClientError('version', 'The gateway speaks no protocol version that this client knows.')
  }
  return genesisHash
}

async function openMessage(options: LinkOptions, challenge: Challenge, genesisHash: Uint8Array) {
  const { player, session } = options
  const nonce = challenge.nonce!
  const { gatewayId } = challenge
  const expiresAtMs = challenge.nowMs + options.grantMs
  const grant = grantMessage({ genesisHash, sessionKey: session.publicKey, gatewayId, nonce, expiresAtMs })
  const [playerSignature, sessionSignature] = await Promise.all([
    player.sign(grant),
    session.sign(challengeMessage({ genesisHash, gatewayId, nonce, playerKey: player.publicKey })),
  ])
  return {
    version: Math.min(challenge.versionMax, PROTOCOL_VERSION_MAX),
    playerKey: player.publicKey,
    sessionKey: session.publicKey,
    expiresAtMs,
    playerSignature,
    sessionSignature,
    area: options.area,
  }
}

function encodeClient(message: ClientMessage): Uint8Array<ArrayBuffer> {
  return encoded(writeClientMessage, message)
}

/** Undefined for what is no message of a gateway in its one form. */
export function decodeServer(data: ArrayBuffer): ServerMessage | undefined {
  if (data.byteLength > MAX_MESSAGE_BYTES) return undefined
  return decoded(new Uint8Array(data), readServerMessage, writeServerMessage, 1)
}
