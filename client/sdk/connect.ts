import { Client } from './client.ts'
import { ClientError } from './errors.ts'
import { newVerifier, type Signer, signerOf, type Verify } from './keys.ts'
import type { SocketLike, SocketMaker } from './link.ts'
import { type ExportedSession, newSession, resumeSession } from './session.ts'
import { trustOfGenesis } from './trust.ts'

export interface ConnectOptions {
  /** WebSocket addresses (`ws://…`); the first that answers is used, the others when it is lost. */
  readonly gateways: string | readonly string[]
  /** The player's key: a signer, or an Ed25519 seed of 32 bytes. */
  readonly player: Signer | Uint8Array
  /** Goes on with a session of before. */
  readonly session?: ExportedSession
  /** The genesis file's bytes: with it the client believes no gateway. Without it, the first gateway names the keys. */
  readonly genesis?: Uint8Array
  /** Name of the area to enter; the gateway chooses when it isn't given. A session of before stays in its own. */
  readonly area?: string
  /** When an action is given up (30 s). */
  readonly actionTimeoutMs?: number
  /** How long the first connection may take (10 s). */
  readonly connectTimeoutMs?: number
  /** How long each gateway may act for the player before it has to ask again (1 h). */
  readonly grantMs?: number
  /** Keeps all receipts in `client.receipts` (false). */
  readonly keepReceipts?: boolean
  /** When a look at `final` is given up (60 s). */
  readonly finalTimeoutMs?: number
  /** Whether a look at `final` has the log sealed at once (true; a few times a second), or waits for the next seal, about a second. */
  readonly sealSoon?: boolean
  /** Default: the global WebSocket. */
  readonly makeSocket?: SocketMaker
  /** Default: WebCrypto, or @noble/ed25519 where that has no Ed25519. */
  readonly verify?: Verify
}

const sharedVerify = newVerifier()

/** Opens a session with a gateway. Enter the world with `client.spawn(name)`, unless the session did already. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const gateways = typeof options.gateways === 'string' ? [options.gateways] : options.gateways
  if (gateways.length === 0) throw new ClientError('no-gateway', 'There is no gateway to connect to.')
  const nowMs = () => performance.now()
  const client = new Client({
    gateways,
    player: options.player instanceof Uint8Array ? await signerOf(options.player) : options.player,
    session: options.session ? await resumeSession(options.session, nowMs()) : await newSession(Date.now()),
    area: options.session?.area || options.area || '',
    home: options.session?.home ?? '',
    trust: options.genesis && trustOfGenesis(options.genesis),
    verify: options.verify ?? sharedVerify,
    makeSocket: options.makeSocket ?? (url => new WebSocket(url) as unknown as SocketLike),
    actionTimeoutMs: options.actionTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    grantMs: options.grantMs ?? 3_600_000,
    keepReceipts: options.keepReceipts ?? false,
    finalTimeoutMs: options.finalTimeoutMs ?? 60_000,
    sealSoon: options.sealSoon ?? true,
    nowMs,
    random: Math.random,
  })
  await client.start()
  return client
}
