import { type KeyObject, sign } from 'node:crypto'
import { PbfReader, PbfWriter } from 'pbf'
import {
  type ClientMessage,
  readServerMessage,
  type ServerMessage,
  writeClientMessage,
} from '../../../client/protocol/gateway.pb.js'
import {
  challengeMessage,
  grantMessage,
  PROTOCOL_VERSION_MAX,
  sessionIdOf,
} from '../../../client/protocol/session.ts'
import { GatewayCore } from '../../../daemon/gateway/core.ts'
import type { GatewayLimits } from '../../../daemon/gateway/limits.ts'
import type { AuthorityRouter } from '../../../daemon/gateway/router.ts'
import { type Action, encodeInput, logTagOf } from '../../../world/codec.ts'
import {
  GENESIS_HASH,
  MEMBER,
  NETWORK,
  ORIGIN,
  privateKeyOf,
  publicBytesOf,
  sha256,
  TestAuthority,
  verifyEd25519,
} from './authority.ts'

export const GATEWAY_ID = 'gateway-one'
const HOUR_MS = 3_600_000

export interface TestPlayer {
  readonly key: KeyObject
  readonly publicKey: Uint8Array
  readonly session: KeyObject
  readonly sessionKey: Uint8Array
  /** The session's. */
  readonly number: number
}

export function testPlayer(name: string, number = 1): TestPlayer {
  const key = privateKeyOf(sha256(new TextEncoder().encode(`player ${name}`)))
  const sessionKey = privateKeyOf(sha256(new TextEncoder().encode(`session ${name} ${number}`)))
  const keys = { publicKey: publicBytesOf(key), sessionKey: publicBytesOf(sessionKey) }
  return { ...keys, key, session: sessionKey, number }
}

/** A gateway core with a clock in hand, everything that it sent, and the closings. */
export class Harness {
  readonly authority: TestAuthority
  readonly core: GatewayCore
  readonly sent = new Map<number, ServerMessage[]>()
  readonly closings = new Map<number, string>()
  readonly counts = new Map<string, number>()
  nowMs = 1_000
  wallMs = 1_700_000_000_000
  private nonces = 0

  constructor(options: { limits?: Partial<GatewayLimits>; router?: AuthorityRouter } = {}) {
    this.authority = new TestAuthority({ npcCount: 0, resourceCount: 0 })
    this.core = new GatewayCore(
      {
        network: NETWORK,
        genesisHash: GENESIS_HASH,
        gatewayId: GATEWAY_ID,
        nodeNumber: MEMBER,
        tickMs: 100,
        nodeKeys: new Map([[MEMBER, this.authority.nodeKeys]]),
        ...(options.limits ? { limits: options.limits } : {}),
      },
      {
        router: options.router ?? this.authority,
        send: (id, bytes) => {
          const messages = this.sent.get(id) ?? []
          messages.push(readServerMessage(new PbfReader(bytes)))
          this.sent.set(id, messages)
        },
        close: (id, _code, reason) => this.closings.set(id, reason),
        count: (name, labels = {}) => {
          const key = [name, ...Object.values(labels)].join(' ')
          this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
        },
        monotonicMs: () => this.nowMs,
        wallMs: () => this.wallMs,
        randomBytes: length => sha256(new Uint8Array([this.nonces++])).subarray(0, length),
        sha256,
        verify: verifyEd25519,
      },
    )
  }

  /** Messages sent to a connection since the last call. */
  take(id: number): ServerMessage[] {
    const messages = this.sent.get(id) ?? []
    this.sent.delete(id)
    return messages
  }

  takeProblems(id: number): string[] {
    return this.take(id).flatMap(({ problem }) => problem?.code ?? [])
  }

  say(id: number, message: ClientMessage): void {
    this.core.message(id, encodeClient(message))
  }

  /** The right answer to the connection's challenge. */
  openMessage(id: number, player: TestPlayer, overrides: Partial<ClientMessage['open']> = {}): ClientMessage {
    const challenge = this.sent.get(id)?.find(message => message.challenge !== undefined)?.challenge
    const nonce = challenge?.nonce ?? new Uint8Array(32)
    const expiresAtMs = overrides.expiresAtMs ?? this.wallMs + HOUR_MS
    const common = { genesisHash: GENESIS_HASH, gatewayId: GATEWAY_ID, nonce }
    const grant = grantMessage({ ...common, sessionKey: player.sessionKey, expiresAtMs })
    const answer = challengeMessage({ ...common, playerKey: player.publicKey })
    return {
      open: {
        version: PROTOCOL_VERSION_MAX,
        playerKey: player.publicKey,
        sessionKey: player.sessionKey,
        expiresAtMs,
        playerSignature: new Uint8Array(sign(null, grant, player.key)),
        sessionSignature: new Uint8Array(sign(null, answer, player.session)),
        area: '',
        ...overrides,
      },
    }
  }

  /** Connects and opens a session. */
  join(id: number, player: TestPlayer): void {
    this.core.connected(id, '127.0.0.1')
    this.say(id, this.openMessage(id, player))
  }

  act(id: number, player: TestPlayer, seq: number, action: Action): void {
    this.say(id, { inputs: { bodies: [inputBody(player, seq, action)] } })
  }

  /** Time goes by, with the core's ticks. */
  pass(durationMs: number): void {
    for (let left = durationMs; left > 0; left -= 20) {
      this.nowMs += Math.min(20, left)
      this.wallMs += Math.min(20, left)
      this.core.tick()
    }
  }
}

export function inputBody(player: TestPlayer, seq: number, action: Action): Uint8Array {
  const session = sessionIdOf(player.sessionKey, player.number, sha256)
  const log = logTagOf(ORIGIN, sha256)
  return encodeInput({ player: player.publicKey, session, seq, log, action, signature: new Uint8Array(64) })
}

export function encodeClient(message: ClientMessage): Uint8Array {
  const pbf = new PbfWriter()
  writeClientMessage(message, pbf)
  return pbf.finish()
}
