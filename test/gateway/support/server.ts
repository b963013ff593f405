import { randomBytes } from 'node:crypto'
import type { GatewayLimits } from '../../../daemon/gateway/limits.ts'
import type { AuthorityRouter } from '../../../daemon/gateway/router.ts'
import { type GatewayServer, startGatewayServer } from '../../../daemon/gateway/server.ts'
import { GENESIS_HASH, MEMBER, NETWORK, sha256, type TestAuthority, verifyEd25519 } from './authority.ts'

export interface TestGateway extends GatewayServer {
  readonly url: string
  readonly counts: Map<string, number>
}

/** A real gateway on a free port of this machine. */
export async function startTestGateway(
  router: AuthorityRouter & Pick<TestAuthority, 'nodeKeys'>,
  options: { id?: string; port?: number; limits?: Partial<GatewayLimits> } = {},
): Promise<TestGateway> {
  const counts = new Map<string, number>()
  const server = await startGatewayServer({
    host: '127.0.0.1',
    port: options.port ?? 0,
    config: {
      network: NETWORK,
      genesisHash: GENESIS_HASH,
      gatewayId: options.id ?? 'gateway-one',
      nodeNumber: MEMBER,
      tickMs: 100,
      nodeKeys: new Map([[MEMBER, router.nodeKeys]]),
      ...(options.limits ? { limits: options.limits } : {}),
    },
    ports: {
      router,
      count(name, labels = {}) {
        const key = [name, ...Object.values(labels)].join(' ')
        counts.set(key, (counts.get(key) ?? 0) + 1)
      },
      monotonicMs: () => performance.now(),
      wallMs: () => Date.now(),
      randomBytes: length => new Uint8Array(randomBytes(length)),
      sha256,
      verify: verifyEd25519,
    },
  })
  return { ...server, url: `ws://127.0.0.1:${server.port}`, counts }
}
