import { decodeCertificate, encodeQuorum, verifyQuorum } from '../../../consensus/finality/certificate.ts'
import { genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { apply } from '../../../consensus/handover/apply.ts'
import { keysOf, type Word } from '../../../consensus/handover/facts.ts'
import type { Authority, HandoverId } from '../../../consensus/handover/id.ts'
import type { HandoverRecord, WordRecord } from '../../../consensus/handover/record.ts'
import type { Part, Proven, Shown, VerifyFinal } from '../../../consensus/handover/shown.ts'
import { HandoverState } from '../../../consensus/handover/state.ts'
import type { Change } from '../../../consensus/handover/table.ts'
import type { Refusal, Surroundings } from '../../../consensus/handover/types.ts'
import { putU32 } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'
import { treeKey, treeValue } from '../../../storage/state/entry.ts'
import { encodeStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import { SimEstate } from '../../../testnet/simulation/handover/estate.ts'
import { keys, members, quorum, seal } from '../finality/generate.ts'

const voters = members(4)

/** What the directory of the test has anchored, and who succeeds whom. */
const anchored = new Set<string>()
const lineage = new Map<Authority, readonly Authority[]>()

/** The members' own verifier of certificates, over real votes. */
export const verify: VerifyFinal = final => {
  const certificate = decodeCertificate(final)
  if (certificate === undefined || !verifyQuorum(certificate, voters, keys.verify)) return undefined
  const { authority, epoch, height, stateRoot } = certificate.seal
  const isAnchored = anchored.has(hex(sealHash(certificate.seal)))
  const ancestors = lineage.get(hex(authority)) ?? []
  return { authority: hex(authority), epoch, height, stateRoot, isAnchored, ancestors } satisfies Proven
}

export function named(name: string): Authority {
  return hex(sha256(Buffer.from(name)))
}

export const DIRECTORY = named('directory')

const wordFor: Readonly<Record<WordRecord['kind'], Word>> = {
  ...({ accept: 'locked', refuse: 'locked', release: 'accepted' } as const),
  ...({ unlock: 'declined', settle: 'declined', forget: 'released' } as const),
}

/** What an entity carries in these tests: some items, and a session at its third input. */
export function cargo(seq = 3): { state: Uint8Array; session: Uint8Array } {
  const session = new Uint8Array(8)
  putU32(session, 0, seq)
  return { state: new Uint8Array(16).fill(1), session }
}

/** One authority: its state, its tree, and the seals of its four members. */
export class Area {
  readonly self: Authority
  readonly state: HandoverState
  readonly estate = new SimEstate(10)
  readonly around: Surroundings
  readonly values = new Map<string, { key: Uint8Array; value: Uint8Array }>()
  readonly records: HandoverRecord[] = []
  #tree = new StateTree()
  #height = 0
  #previous: Uint8Array = genesisHash

  constructor(name: string, predecessors: readonly Area[] = []) {
    this.self = named(name)
    const before = predecessors.map(({ self }) => self)
    this.state = HandoverState.born(before)
    lineage.set(this.self, [...before, ...before.flatMap(each => lineage.get(each) ?? [])])
    this.around = { self: this.self, directory: DIRECTORY, estate: this.estate, verify }
    this.#take()
  }

  found(entities: readonly string[]): this {
    for (const entity of entities) this.estate.put(entity, cargo())
    this.#take()
    return this
  }

  apply(record: HandoverRecord, payload?: readonly Change[]): Refusal | undefined {
    const refusal = apply(this.state, this.around, record, payload)
    this.#take()
    if (refusal === undefined) this.records.push(record)
    return refusal
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.values.delete(hex(key))
    else this.values.set(hex(key), { key, value })
    this.#tree.set(treeKey(key), value && treeValue(key, value))
  }

  #take(): void {
    for (const { key, value } of [...this.state.takeChanges(), ...this.estate.takeChanges()])
      this.set(key, value)
  }

  root(): Uint8Array {
    return this.#tree.root()
  }

  lock(entity: string, target: Area): HandoverId {
    const refusal = this.apply({ kind: 'lock', entity, target: target.self })
    if (refusal !== undefined) throw new Error(refusal)
    return this.state.locks.about(entity)!
  }

  prove(key: Uint8Array): Part {
    const value = this.values.get(hex(key))?.value
    return { key, value, path: encodeStateProof(this.#tree.proof(treeKey(key))) }
  }

  /** The certificate of a seal over the state as it is now. */
  certify(isAnchored = true, votes = 3): Uint8Array {
    const sealed: Seal = seal(++this.#height, this.#previous, {
      authority: Buffer.from(this.self, 'hex'),
      stateRoot: this.root(),
    })
    this.#previous = sealHash(sealed)
    if (isAnchored) anchored.add(hex(this.#previous))
    const all = quorum(2, sealed, 4)
    return encodeQuorum({ ...all, votes: all.votes.slice(0, votes) })
  }

  show(word: Word, id: HandoverId, final = this.certify()): Shown {
    return { final, parts: keysOf(word, id, this.self).map(key => this.prove(key)) }
  }

  /** Has another one's word applied here. */
  hear(kind: WordRecord['kind'], by: Area, id: HandoverId): Refusal | undefined {
    return this.apply({ kind, id, shown: by.show(wordFor[kind], id) })
  }

  entries(): Change[] {
    return [...this.values.values()]
  }

  inherit(from: Area, order?: Shown): Refusal | undefined {
    const final = from.certify()
    return this.apply({ kind: 'inherit', predecessor: from.self, final, order }, from.entries())
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
