import { signBatch } from '../../../consensus/finality/batcher.ts'
import { encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { type Statement, statementKind } from '../../../consensus/finality/statement.ts'
import type { FinalAsk, FinalProof } from '../../../daemon/hosting/final-asks.ts'
import { checkpointSigner } from '../../../daemon/hosting/log-view.ts'
import type { SigningKey } from '../../../daemon/identity/signing-key.ts'
import { formatCheckpoint } from '../../../storage/log/checkpoint.ts'
import { signNote } from '../../../storage/log/note.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { sha256 } from '../../../storage/sha256.ts'

export interface TestVoter {
  readonly node: number
  readonly vote: SigningKey
}

/** A log that its members decide whenever the test says so, with real certificates. */
export class DecidedLog {
  readonly #origin: string
  readonly #voters: readonly TestVoter[]
  readonly #logKey: SigningKey
  #log = new MerkleLog(async () => undefined)
  readonly #hashes: Uint8Array[] = []
  #height = 0
  /** Of how many of its voters a certificate has the votes. */
  votes: number

  constructor(origin: string, voters: readonly TestVoter[], logKey: SigningKey) {
    this.#origin = origin
    this.#voters = voters
    this.#logKey = logKey
    this.votes = quorumSize(voters.length)
  }

  get size(): number {
    return this.#log.size
  }

  append(leafHash: Uint8Array): void {
    this.#hashes.push(leafHash)
    this.#log.append(leafHash)
  }

  /** The members have decided a log with something else there. */
  replace(leaf: number): void {
    this.#hashes[leaf] = sha256(Buffer.from('something else'))
    this.#log = new MerkleLog(async () => undefined)
    for (const hash of this.#hashes) this.#log.append(hash)
  }

  /** The members decide all that is there; what a member then says of these leaves. */
  async decided({ leaves }: FinalAsk): Promise<FinalProof> {
    const { size } = this.#log
    const root = this.#log.root()
    const seal: Seal = {
      ...{
        authority: sha256(Buffer.from(this.#origin)),
        epoch: 1,
        height: ++this.#height,
        previous: genesisHash,
      },
      ...{ size, root, stateRoot: root, tick: 0, timeMs: 0, nextEpoch: 1, nextMembers: [] },
    }
    const text = formatCheckpoint({ origin: this.#origin, size, root, extensions: [] })
    const checkpoint = signNote(text, [checkpointSigner(this.#origin, this.#logKey)])
    const certificate = this.#certify(seal)
    return { certificate, activations: [], checkpoint, ...(await this.#log.leavesProof(leaves, size)) }
  }

  #certify(seal: Seal): Uint8Array {
    const ballot = { view: 0, height: seal.height, hash: sealHash(seal) }
    const vote: Statement = { kind: statementKind.vote2, authority: seal.authority, epoch: 1, ballot }
    const votes = this.#voters.slice(0, this.votes).map(({ node, vote: key }) => {
      const items = [{ group: 1, statement: vote, peers: [] }]
      return signBatch(node, items, message => key.sign(message)).signatures[0]!
    })
    return encodeQuorum({ kind: 2, seal, epoch: 1, view: 0, votes })
  }
}
