import { type Certificate, isCertificate, type Quorum } from '../../../consensus/finality/certificate.ts'
import type { Regime, ViewChange } from '../../../consensus/finality/new-view.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import type { Signature, Signed } from '../../../consensus/finality/signed.ts'
import type { Vote } from '../../../consensus/finality/statement.ts'
import { hex, type Ordering } from './ordering.ts'

const maxRemembered = 400

/** What was heard about one authority. */
export class Knowledge {
  readonly ordering: Ordering
  regime: Regime
  view = 0
  readonly recent: Vote[] = []
  readonly votes = new Map<string, Map<number, Signature>>()
  readonly changes = new Map<number, Map<number, ViewChange[]>>()
  readonly quorums: Quorum[] = []
  readonly certificates: Certificate[] = []

  constructor(ordering: Ordering, founders: readonly Voter[]) {
    this.ordering = ordering
    const base = { view: 0, height: 0, hash: new Uint8Array(32) }
    this.regime = { authority: ordering.authority, epoch: 0, members: founders, base }
  }

  hear({ statement, by }: Signed): void {
    if (statement.kind !== 1 && statement.kind !== 2) return
    if (statement.epoch !== this.regime.epoch) return
    this.view = Math.max(this.view, Math.min(statement.ballot.view, this.view + 3))
    const key = keyOfVote(statement)
    let signers = this.votes.get(key)
    if (signers === undefined) {
      signers = new Map()
      this.votes.set(key, signers)
      this.recent.push(statement)
      if (this.recent.length > maxRemembered) this.recent.shift()
    }
    if (!signers.has(by.signer)) signers.set(by.signer, by)
    if (signers.size >= quorumSize(this.regime.members.length)) this.#complete(statement, signers)
  }

  #complete(statement: Vote, signers: Map<number, Signature>): void {
    const seal = this.ordering.seals.get(hex(statement.ballot.hash))
    const size = quorumSize(this.regime.members.length)
    const members = new Set(this.regime.members.map(({ node }) => node))
    const votes = [...signers.values()]
      .filter(by => members.has(by.signer))
      .sort((a, b) => a.signer - b.signer)
    if (seal === undefined || votes.length < size) return
    this.learn({
      ...{ kind: statement.kind, seal, epoch: statement.epoch, view: statement.ballot.view },
      votes: votes.slice(0, size),
    })
  }

  learn(quorum: Quorum): void {
    if (quorum.epoch !== this.regime.epoch) return
    const same = (other: Quorum): boolean =>
      other.kind === quorum.kind &&
      other.view === quorum.view &&
      hex(sealHash(other.seal)) === hex(sealHash(quorum.seal))
    if (this.quorums.some(same)) return
    this.quorums.push(quorum)
    if (this.quorums.length > maxRemembered) this.quorums.shift()
    if (isCertificate(quorum)) this.certificates.push(quorum)
    const { seal } = quorum
    if (quorum.kind !== 2 || seal.nextEpoch === this.regime.epoch) return
    const base = { view: 0, height: seal.height, hash: sealHash(seal) }
    this.regime = { authority: seal.authority, epoch: seal.nextEpoch, members: seal.nextMembers, base }
    this.view = 0
    this.recent.length = 0
    this.votes.clear()
    this.changes.clear()
    this.quorums.length = 0
  }

  addChange(change: ViewChange): void {
    const { epoch, view } = change.signed.statement
    if (epoch !== this.regime.epoch || view > this.view + 8) return
    const changes = this.changes.get(view) ?? new Map<number, ViewChange[]>()
    this.changes.set(view, changes)
    const own = changes.get(change.signed.by.signer) ?? []
    if (own.length < 4) changes.set(change.signed.by.signer, [...own, change])
  }
}

function keyOfVote({ kind, epoch, ballot }: Vote): string {
  return `${kind}/${epoch}/${ballot.view}/${ballot.height}/${hex(ballot.hash)}`
}
