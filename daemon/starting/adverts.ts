import { AdvertBoard } from '../adverts/board.ts'
import type { Engine } from '../hosting/engine.ts'
import type { RunningNetwork } from '../network/options.ts'
import { ledView } from '../node-view.ts'
import type { InputRouter } from '../routing/router.ts'
import type { Basis, Urls } from './parts.ts'

/** What this node says of itself, and what it hears of others' leaders. */
export function startAdverts(
  { genesis, book, self, clock, count }: Basis,
  network: RunningNetwork,
  engine: Engine,
  router: InputRouter,
  urls: Urls,
): AdvertBoard {
  const { authorities } = genesis.file
  const names = new Map(authorities.map(authority => [authority.group, authority.name]))
  return new AdvertBoard({
    self: self.number,
    numberOf: peer => book.numberOf(peer),
    network,
    clock,
    own: () => ({
      number: self.number,
      wallMs: Math.round(clock.wallMs()),
      gatewayUrl: urls.gateway,
      httpUrl: urls.http,
      led: engine
        .authorities()
        .filter(host => host.authority.serving)
        .map(ledView),
    }),
    onLeader: (group, node) => {
      const name = names.get(group)
      if (name !== undefined) router.leaderIs(name, node)
    },
    count,
  })
}
