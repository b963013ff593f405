import { sha256 } from '../../storage/sha256.ts'
import { type GatewayServer, startGatewayServer } from '../gateway/server.ts'
import { type HttpServer, startHttp } from '../http/server.ts'
import type { NodeView } from '../http/view.ts'
import { verifySignature } from '../identity/signing-key.ts'
import { realRandom } from '../real-ports.ts'
import type { InputRouter } from '../routing/router.ts'
import type { Basis, Parts } from './parts.ts'

/** Listens for game clients. */
export async function startGateway(
  { config, genesis, book, self, clock, metrics }: Basis,
  router: InputRouter,
): Promise<GatewayServer> {
  const { file, hash } = genesis
  return await startGatewayServer({
    host: config.gatewayHost,
    port: config.gatewayPort,
    maxConnections: config.maxSessions,
    config: {
      network: file.network,
      genesisHash: hash,
      gatewayId: self.peerId,
      nodeNumber: self.number,
      tickMs: file.tickMs,
      nodeKeys: book.keys,
      limits: { inputsPerSecond: config.maxInputsPerSecond, inputBurst: 2 * config.maxInputsPerSecond },
    },
    ports: {
      router,
      count: (name, labels, by) => metrics.count(name, labels, by),
      monotonicMs: clock.monotonicMs,
      wallMs: clock.wallMs,
      randomBytes: realRandom.bytes,
      sha256,
      verify: verifySignature,
    },
  })
}

/** Listens for operators and auditors, and for the map. */
export async function startApi(
  { config, genesis, clock, metrics, log }: Basis,
  parts: Parts,
  view: NodeView,
  pageDir: string | undefined,
): Promise<HttpServer> {
  return await startHttp({
    host: config.httpHost,
    port: config.httpPort,
    view,
    bring: (origin, action) => parts.directory!.bring(origin, action),
    genesis: genesis.bytes,
    config: { ...config },
    metrics,
    serveMetrics: config.metrics,
    pageDir,
    log,
    nowMs: clock.monotonicMs,
  })
}
