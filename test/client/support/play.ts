import assert from 'node:assert/strict'
import { type Client, type ConnectOptions, connect, randomSeed } from '../../../client/index.ts'
import { TestAuthority } from '../../gateway/support/authority.ts'
import { startTestGateway, type TestGateway } from '../../gateway/support/server.ts'

/** An area that ticks, real gateways to it, and clients of these; begun and ended with each test. */
export class Play {
  authority!: TestAuthority
  readonly #gateways: TestGateway[] = []
  readonly #clients: Client[] = []
  #ticking: ReturnType<typeof setInterval> | undefined

  begin(): void {
    this.authority = new TestAuthority()
    this.#ticking = setInterval(() => this.authority.tick(), 50)
  }

  async end(): Promise<void> {
    clearInterval(this.#ticking)
    for (const client of this.#clients.splice(0)) client.close()
    for (const gateway of this.#gateways.splice(0)) await gateway.stop()
  }

  async gateway(options: Parameters<typeof startTestGateway>[1] = {}): Promise<TestGateway> {
    const started = await startTestGateway(this.authority, options)
    this.#gateways.push(started)
    return started
  }

  async player(urls: string | string[], options: Partial<ConnectOptions> = {}): Promise<Client> {
    const client = await connect({ gateways: urls, player: randomSeed(), keepReceipts: true, ...options })
    this.#clients.push(client)
    return client
  }
}

export function sleep(delayMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 150, 'it did not happen within 3 s')
    await sleep(20)
  }
}
