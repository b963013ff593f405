import { type Contradiction, verifyEvidence } from '../../consensus/finality/evidence.ts'
import type { Statement } from '../../consensus/finality/statement.ts'
import { sha256 } from '../../storage/sha256.ts'
import { type LogKeys, readClaim } from './log-keys.ts'
import { otherRoot, parseTwoFaces, twoFacesHead } from './two-faces.ts'
import { parseVoteEvidence, voteEvidenceHead } from './vote-evidence.ts'

/** What a piece of evidence proves. */
export interface Proven {
  readonly kind: 'two-faces' | Contradiction
  /** Of the log, or of the log whose seals were voted on. */
  readonly origin: string
  /** Nodes that signed both statements, by number: each of them is proven to lie. */
  readonly accused: readonly number[]
  /** Nodes that signed either: with nobody accused, one of them lies. */
  readonly signers: readonly number[]
  /** Where: the smaller size, or `epoch/view/height` (of contents `epoch/view/term/leaf`). */
  readonly place: string
  /** Of two faces: the two roots of that size, hex, in order, whoever signed them. */
  readonly contradiction: string
}

export interface JudgeOptions {
  readonly origins: readonly string[]
  readonly logKeys: LogKeys
  /** The node's key for votes. */
  readonly voteKeyOf: (node: number) => Uint8Array | undefined
  /** Whether the node is, or was, of those who hold the log: what others say of it is no lie about anything. */
  readonly mayHold: (origin: string, node: number) => boolean
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}

/** Two notes, or two statements with the paths of their batches: both fit in less. */
export const maxEvidenceChars = 16 * 1024

/** Whether it looks like evidence that nodes tell each other of; there are other kinds, for auditors. */
export function isForNodes(text: string): boolean {
  const heads = [twoFacesHead, voteEvidenceHead]
  return text.length <= maxEvidenceChars && heads.some(head => text.startsWith(`${head}\n`))
}

/** Nodes may differ in who holds a log, so nobody is blamed for such a piece. */
export type Judgement = Proven | 'proves-nothing' | 'of-strangers'

/** Judges evidence by itself and the genesis file alone; whether it is about anybody of weight, by who may hold the log. */
export class Judge {
  readonly #options: JudgeOptions
  readonly #origins: ReadonlyMap<string, string>

  constructor(options: JudgeOptions) {
    this.#options = options
    this.#origins = new Map(options.origins.map(origin => [hexOf(sha256(Buffer.from(origin))), origin]))
  }

  judge(text: string): Judgement {
    if (!isForNodes(text)) return 'proves-nothing'
    return text.startsWith(`${twoFacesHead}\n`) ? this.#twoFaces(text) : this.#votes(text)
  }

  #twoFaces(text: string): Judgement {
    const faces = parseTwoFaces(text)
    const older = faces && readClaim(faces.older)
    const newer = faces && readClaim(faces.newer)
    if (older === undefined || newer === undefined) return 'proves-nothing'
    const { origin, size, root } = older.checkpoint
    const other = otherRoot(older.checkpoint, newer.checkpoint, faces!.path)
    if (other === undefined) return 'proves-nothing'
    const [first, second] = [this.#options.logKeys.verify(older), this.#options.logKeys.verify(newer)]
    if (first === undefined || second === undefined) return 'proves-nothing'
    const holders = [first, second].map(({ signers }) =>
      signers.filter(node => this.#options.mayHold(origin, node)),
    ) as [number[], number[]]
    // Whoever has no part in the log could put any of its holders in doubt.
    if (holders.some(each => each.length === 0)) return 'of-strangers'
    return {
      kind: 'two-faces',
      origin,
      accused: holders[0].filter(node => holders[1].includes(node)).sort(ascending),
      signers: [...new Set(holders.flat())].sort(ascending),
      place: String(size),
      contradiction: [root, other].map(hexOf).sort().join(' '),
    }
  }

  #votes(text: string): Judgement {
    const evidence = parseVoteEvidence(text)
    if (evidence === undefined) return 'proves-nothing'
    const { statement, by } = evidence.first
    const origin = this.#origins.get(hexOf(statement.authority))
    const kind = verifyEvidence(evidence, this.#options.voteKeyOf, this.#options.verify)
    if (origin === undefined || kind === undefined) return 'proves-nothing'
    if (!this.#options.mayHold(origin, by.signer)) return 'of-strangers'
    const place = placeOf(statement)
    return { kind, origin, accused: [by.signer], signers: [by.signer], place, contradiction: '' }
  }
}

function placeOf(statement: Statement): string {
  const { epoch } = statement
  if (!('ballot' in statement)) return [epoch, statement.view, statement.term, statement.leaf].join('/')
  const { view, height } = statement.ballot
  return [epoch, view, height].join('/')
}

function ascending(a: number, b: number): number {
  return a - b
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
