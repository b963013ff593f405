import type { Welcome } from '../../client/protocol/gateway.pb.js'
import {
  challengeMessage,
  grantMessage,
  MAX_GRANT_MS,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  sessionTagOf,
} from '../../client/protocol/session.ts'
import { type Bucket, newBucket } from './bucket.ts'
import type { GatewayPorts } from './core.ts'
import type { GatewayLimits } from './limits.ts'
import type { Open } from './messages.ts'
import { keyText } from './public-form.ts'
import type { RefusalCode } from './refusals.ts'
import type { InputSource } from './router.ts'
import type { Session } from './session.ts'

/** Moves from area to area that a session is followed through. */
const MOVES_PER_SECOND = 20
const MOVE_BURST = 64

/** What the gateway says of itself, and what grants have to name. */
export interface ReceptionConfig {
  readonly network: string
  readonly genesisHash: Uint8Array
  /** This node's libp2p peer id: grants name it. */
  readonly gatewayId: string
  readonly nodeNumber: number
  readonly tickMs: number
  /** A node's public keys by its number, for clients that weren't given the genesis file; it grows as nodes come. */
  readonly nodeKeys: ReadonlyMap<number, { readonly log: Uint8Array; readonly vote: Uint8Array }>
}

type ReceptionPorts = Pick<GatewayPorts, 'router' | 'wallMs' | 'sha256' | 'verify'>

/** Looks at what clients open their sessions with, and tells them what they find here. */
export class Reception {
  private readonly config: ReceptionConfig
  private readonly ports: ReceptionPorts
  private readonly limits: GatewayLimits

  constructor(config: ReceptionConfig, ports: ReceptionPorts, limits: GatewayLimits) {
    this.config = config
    this.ports = ports
    this.limits = limits
  }

  /** Why this opening is refused; undefined: it is what it should be. */
  faultOf(open: Open, nonce: Uint8Array): RefusalCode | undefined {
    const { genesisHash, gatewayId } = this.config
    if (open.version < PROTOCOL_VERSION_MIN || open.version > PROTOCOL_VERSION_MAX) return 'version'
    const wallMs = this.ports.wallMs()
    if (open.expiresAtMs <= wallMs || open.expiresAtMs > wallMs + MAX_GRANT_MS) return 'expired'
    const areas = this.ports.router.areas()
    if (areas.length === 0) return 'no-area'
    if (open.area !== '' && !areas.some(({ name }) => name === open.area)) return 'unknown-area'
    const challenge = challengeMessage({ genesisHash, gatewayId, nonce, playerKey: open.playerKey })
    if (!this.ports.verify(open.sessionKey, challenge, open.sessionSignature)) return 'bad-session'
    const grant = grantMessage({
      genesisHash,
      sessionKey: open.sessionKey,
      gatewayId,
      nonce,
      expiresAtMs: open.expiresAtMs,
    })
    return this.ports.verify(open.playerKey, grant, open.playerSignature) ? undefined : 'bad-grant'
  }

  /** @param guess the area that the player seems to be in, for who names none */
  newSession(open: Open, guess: string | undefined, nowMs: number, source: InputSource): Session {
    const areas = this.ports.router.areas()
    const area = open.area || guess || areas[0]!.name
    const pace = (): Bucket => newBucket(this.limits.inputsPerSecond, this.limits.inputBurst, nowMs)
    return {
      player: keyText(open.playerKey),
      // Copies: a parsed message is a window on a larger buffer.
      playerKey: open.playerKey.slice(),
      sessionTag: sessionTagOf(open.sessionKey, this.ports.sha256),
      expiresAtMs: open.expiresAtMs,
      inputs: pace(),
      moves: newBucket(MOVES_PER_SECOND, MOVE_BURST, nowMs),
      reads: { pace: pace(), inFlight: 0 },
      finals: { pace: pace(), inFlight: 0 },
      seals: newBucket(this.limits.sealsPerSecond, this.limits.sealBurst, nowMs),
      areaNames: areas.map(({ name }) => name),
      area,
      shown: area,
      inFlight: 0,
      source,
      ownSight: { radiusMm: this.limits.viewRadiusMm, limit: this.limits.viewEntities },
      place: undefined,
      interest: undefined,
      viewedMs: nowMs,
    }
  }

  welcome(session: Session): Welcome {
    const { limits, config } = this
    return {
      version: PROTOCOL_VERSION_MAX,
      network: config.network,
      tickMs: config.tickMs,
      area: session.area,
      inputsPerSecond: limits.inputsPerSecond,
      inputBurst: limits.inputBurst,
      inputsInFlight: limits.inputsInFlight,
      maxBodyBytes: limits.maxBodyBytes,
      node: config.nodeNumber,
      areas: this.ports.router.areas().map(area => ({ ...area, founders: [...area.founders] })),
      nodes: Array.from(config.nodeKeys, ([number, { log, vote }]) => ({
        number,
        logKey: log,
        voteKey: vote,
      })),
    }
  }
}
