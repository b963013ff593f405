import type { Store } from '../../storage/store.ts'
import type { AdvertBoard } from '../adverts/board.ts'
import type { NodeConfig } from '../config/settings.ts'
import type { DirectoryLog } from '../directory/log.ts'
import type { DirectoryPart } from '../directory/part.ts'
import type { GatewayServer } from '../gateway/server.ts'
import type { Genesis } from '../genesis/genesis.ts'
import type { Engine } from '../hosting/engine.ts'
import type { Finality } from '../hosting/finality/finality.ts'
import type { HttpServer } from '../http/server.ts'
import type { DataDir } from '../identity/data-dir.ts'
import type { NodeKeys } from '../identity/node-keys.ts'
import type { Sponsor } from '../joining/sponsor.ts'
import type { Logger } from '../log.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { RunningNetwork } from '../network/options.ts'
import type { NodeBook } from '../nodes/book.ts'
import type { NodeRecord } from '../nodes/record.ts'
import type { Clock } from '../ports.ts'
import type { GatewaySignatures } from '../routing/gateway-signatures.ts'
import type { InputRouter } from '../routing/router.ts'
import type { WitnessAsking } from '../witnesses/asking.ts'
import type { Watching } from './watching.ts'

/** What a node has before it knows that it is one of the network. */
export interface Ground {
  readonly config: NodeConfig
  readonly genesis: Genesis
  readonly keys: NodeKeys
  readonly book: NodeBook
  readonly dataDir: DataDir
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly signatures: GatewaySignatures
}

/** What every part of a node is made from. */
export interface Basis extends Ground {
  readonly self: NodeRecord
}

/** Set once the servers listen. */
export interface Urls {
  http: string
  gateway: string
}

/** What has been started so far. Parts that are there before others that they call find them here. */
export interface Parts {
  store?: Store
  directory?: DirectoryPart
  directoryLog?: DirectoryLog
  sponsor?: Sponsor
  network?: RunningNetwork
  finality?: Finality
  engine?: Engine
  watching?: Watching
  router?: InputRouter
  board?: AdvertBoard
  gateway?: GatewayServer
  http?: HttpServer
  witnesses?: WitnessAsking
}
