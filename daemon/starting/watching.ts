import { CheckpointBoard } from '../checkpoints/board.ts'
import { Comparer } from '../checkpoints/comparer.ts'
import { EvidenceExchange } from '../evidence/exchange.ts'
import { EvidenceFolder } from '../evidence/folder.ts'
import { Judge } from '../evidence/judge.ts'
import { LogKeys, readClaim } from '../evidence/log-keys.ts'
import { originOf } from '../genesis/genesis.ts'
import type { Engine } from '../hosting/engine.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { Network } from '../ports.ts'
import type { Basis } from './parts.ts'

export interface Watching {
  readonly evidence: EvidenceExchange
  /** A node has shown a checkpoint that is not to be believed, which may contradict another one that it signed. */
  doubts(node: number, checkpoint: string): void
  stop(): void
}

/** Compares what nodes sign, and keeps and tells what contradicts itself. */
export function startWatching(
  { genesis, book, dataDir, clock, log, count }: Basis,
  network: Network,
  engine: Engine,
): Watching {
  const { authorities, network: name } = genesis.file
  const charters = new Map(authorities.map(authority => [originOf(name, authority), authority]))
  const logKeys = new LogKeys(
    charters.keys(),
    book.all().map(({ number, keys }) => ({ node: number, logKey: keys.log })),
  )
  book.onChange((node, before) => {
    if (before === undefined) logKeys.addSigner({ node: node.number, logKey: node.keys.log })
  })
  const mayHold = (origin: string, node: number): boolean => {
    const { group, members } = charters.get(origin)!
    return members.includes(node) || engine.maySign(group, node)
  }
  const judge = new Judge({
    ...{ origins: [...charters.keys()], logKeys, verify: verifySignature },
    voteKeyOf: node => book.get(node)?.keys.vote,
    mayHold,
  })
  const numberOf = (peer: string): number | undefined => book.numberOf(peer)
  const comparer = new Comparer({
    keys: logKeys,
    own: origin => engine.authority(charters.get(origin)!.group)?.published,
    mayHold,
    nowMs: () => clock.monotonicMs(),
    found: text => evidence.found(text),
    count,
  })
  // It reads at once what the folder has, and tells the comparer.
  const evidence = new EvidenceExchange({
    ...{ network, clock, numberOf, count },
    judge: text => judge.judge(text),
    files: new EvidenceFolder(dataDir.files.evidence, [dataDir.files.witnessEvidence]),
    learnt: text => comparer.heardEvidence(text),
    log: (event, facts) => log.warn(facts, event),
  })
  const board = new CheckpointBoard({
    ...{ network, clock, comparer, numberOf, count },
    own: () => engine.authorities().map(({ published }) => published),
  })
  return {
    evidence,
    doubts: (node, checkpoint) => {
      const claim = readClaim(checkpoint)
      if (claim !== undefined) comparer.hear(node, claim)
    },
    stop: () => {
      board.stop()
      evidence.stop()
    },
  }
}
