import { sha256 } from '../../storage/sha256.ts'
import type { Store } from '../../storage/store.ts'
import { formatVoteEvidence } from '../evidence/vote-evidence.ts'
import { originOf } from '../genesis/genesis.ts'
import { isDirectory } from '../genesis/schema.ts'
import { AnchorsAtOnce } from '../hosting/finality/anchoring.ts'
import { Finality } from '../hosting/finality/finality.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { RunningNetwork } from '../network/options.ts'
import { atEndOfTurn, realRandom } from '../real-ports.ts'
import type { Basis, Parts } from './parts.ts'

/** This node's votes, read back from its disk. `forgetful`: that disk may have lost some. */
export async function loadFinality(
  { genesis, book, keys, self, clock, log, count, signatures }: Basis,
  parts: Parts,
  store: Store,
  network: RunningNetwork,
  forgetful: boolean,
): Promise<Finality> {
  const { authorities, network: networkName } = genesis.file
  const finality = await Finality.load({
    self: self.number,
    peers: book.peers,
    authorities: authorities.map(authority => ({
      group: authority.group,
      origin: originOf(networkName, authority),
      epoch: authority.epoch,
      givesLeases: isDirectory(authority),
      members: [...authority.members]
        .sort((a, b) => a - b)
        .map(node => ({ node, key: book.get(node)!.keys.vote })),
    })),
    voteKeyOf: node => book.get(node)?.keys.vote,
    voteKey: keys.vote,
    anchoring: new AnchorsAtOnce((group, certificate) =>
      parts.directory?.anchoring.anchor(group, certificate),
    ),
    onFinal: group => parts.engine?.authority(group)?.final(finality.final(group)!),
    forgetful,
    store,
    network,
    clock,
    random: realRandom,
    schedule: atEndOfTurn,
    sha256,
    verify: verifySignature,
    signatures,
    rulesVersion: genesis.file.rules.version,
    gatewayKeyOf: node => book.get(node)?.keys.identity,
    addOps: ops => parts.engine?.driver.addOps(ops),
    sync: done => parts.engine?.driver.sync(done),
    count,
    door: () => parts.engine,
    onEvidence: evidence => parts.watching?.evidence.found(formatVoteEvidence(evidence)),
    log: (event, facts) => log.warn(facts, event),
  })
  return finality
}
