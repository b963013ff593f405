import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { type Client, type ConnectOptions, connect, type SocketLike } from '../../../client/index.ts'

/** A player who comes in through one gateway and trusts the genesis file alone. */
export function join(
  gatewayUrl: string | readonly string[],
  genesisPath: string,
  options: Partial<ConnectOptions> = {},
): Promise<Client> {
  return connect({
    gateways: gatewayUrl,
    player: randomBytes(32),
    genesis: readFileSync(genesisPath),
    makeSocket: url => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
    ...options,
  })
}
