import { randomBytes } from 'node:crypto'
import { resolveTxt } from 'node:dns/promises'
import { EXIT, SetupError } from '../config/setup-error.ts'
import { messageOf } from '../network/errors.ts'
import { startNetwork } from '../network/network.ts'
import type { RunningNetwork } from '../network/options.ts'
import type { PeerId } from '../ports.ts'
import { realClock, realRandom } from '../real-ports.ts'
import { version } from '../version.ts'
import { type ResolveTxt, resolveDnsaddrs } from './dnsaddr.ts'
import { askForGenesis, genesisProtocol, genesisProtocolOptions } from './genesis-exchange.ts'
import type { JoinLink } from './link.ts'

/** Protocol versions with which a newcomer may ask; which of them the world speaks stands in the file. */
const anyProtocol = { min: 1, max: 1000 }
const handshakeMs = 6_000

/**
 * The genesis file that the link names, from the first of its nodes that gives it.
 * @param progress is told each step, for a person
 * @throws SetupError (exit 69) with what each of them said
 */
export async function fetchGenesis(
  link: JoinLink,
  progress: (line: string) => void,
  resolve: ResolveTxt = resolveTxt,
): Promise<Uint8Array> {
  const nodes = await resolveDnsaddrs(link.nodes, resolve)
  const reasons: string[] = nodes.length === 0 ? [`${link.nodes.join(', ')} leads to no address`] : []
  const asker = new Asker(link)
  try {
    for (const address of nodes) {
      progress(`Asking ${address} for the genesis file of ${link.network} …`)
      const answer = await asker.ask(address)
      if (typeof answer !== 'string') return answer
      reasons.push(`${address} ${answer}`)
    }
  } finally {
    await asker.stop()
  }
  throw new SetupError(
    'no-genesis',
    `Nobody gave the genesis file of ${link.network}: ${reasons.join('; ')}. Ask for a newer link.`,
    EXIT.unreachable,
  )
}

/** A network with an identity for nothing but these questions. */
class Asker {
  readonly #link: JoinLink
  /** Who waits for a peer's handshake is told how it ended. */
  readonly #met = new Map<PeerId, (isIn: boolean) => void>()
  #refusal = ''
  #network: RunningNetwork | undefined

  constructor(link: JoinLink) {
    this.#link = link
  }

  /** The file, or why there is none, as the end of a sentence. */
  async ask(address: string): Promise<Uint8Array | string> {
    this.#refusal = ''
    try {
      this.#network ??= await this.#start()
      const network = this.#network
      const peer = await network.dialAddress(address)
      if (!(await this.#meet(network, peer))) return `did not let us in${this.#refusal}`
      const channel = await network.open(peer, genesisProtocol)
      const answer = await askForGenesis(channel, this.#link.genesisHash, realClock)
      return typeof answer === 'string' ? `did not give it (${answer})` : answer
    } catch (error) {
      return `did not answer (${messageOf(error)})`
    }
  }

  async stop(): Promise<void> {
    await this.#network?.stop(1_000)
  }

  async #start(): Promise<RunningNetwork> {
    const { network, genesisHash } = this.#link
    const quiet = () => {}
    const started = await startNetwork({
      networkName: network,
      genesisHash: Buffer.from(genesisHash, 'hex'),
      protocol: anyProtocol,
      role: 'newcomer',
      softwareVersion: version,
      identitySeed: randomBytes(32),
      listenAddresses: [],
      bootstrap: [],
      maxPeers: 16,
      clock: realClock,
      random: realRandom,
      logger: {
        ...{ debug: quiet, info: quiet, error: quiet },
        warn: facts => {
          const { reason, peer = '' } = facts as { reason?: string; peer?: PeerId }
          if (reason !== undefined) this.#refusal = `: ${reason.replace(/[.…]+$/, '')}`
          this.#met.get(peer)?.(false)
        },
      },
      counters: { count: quiet },
      peerStore: { load: async () => [], save: quiet },
      reach: { upnp: false, autonat: false, relay: false, holePunching: false },
    })
    started.handle(genesisProtocol, genesisProtocolOptions, channel => channel.close('a newcomer has none'))
    started.onPeer((peer, connected) => {
      if (connected) this.#met.get(peer)?.(true)
    })
    return started
  }

  #meet(network: RunningNetwork, peer: PeerId): Promise<boolean> {
    if (network.peers().includes(peer)) return Promise.resolve(true)
    return new Promise(resolve => {
      const cancel = realClock.after(handshakeMs, () => resolve(false))
      this.#met.set(peer, isIn => {
        cancel()
        resolve(isIn)
      })
    })
  }
}
