/** One thing that is wrong with a log. */
export interface Finding {
  readonly code: FindingCode
  /** As the source names it: below the exported folder, or below the URL. */
  readonly file: string
  /** The narrowest range of leaves, both ends included, that is known to hold what is wrong. */
  readonly firstLeaf: number
  readonly lastLeaf: number
  /** File, leaves, and a sentence. */
  readonly message: string
  /** The file that proves it to anybody who has the genesis file (`freehold verify`), where there is one. */
  readonly evidence?: string
}

export type FindingCode =
  // The files of the log.
  | 'missing-file'
  | 'extra-file'
  | 'malformed'
  | 'trailing-bytes'
  | 'wrong-body'
  | 'wrong-entry'
  | 'wrong-tile'
  | 'copies-disagree'
  | 'rewritten'
  | 'bodies-withheld'
  | 'bodies-dropped'
  | 'wrong-snapshot'
  // What is signed, and what was signed before.
  | 'bad-checkpoint'
  | 'bad-signature'
  | 'not-a-member'
  | 'wrong-root'
  | 'fork'
  | 'shrunken'
  | 'other-genesis'
  | 'bad-certificate'
  | 'not-decided'
  // What the records say.
  | 'wrong-charter'
  | 'wrong-rules-version'
  | 'unexpected-record'
  | 'malformed-record'
  | 'bad-attestation'
  | 'unattested-input'
  | 'wrong-tick'
  | 'unproven-handover'
  | 'wrong-mark'
  | 'wrong-seal'
  | 'wrong-members'
  | 'wrong-state-root'
  | 'not-at-a-seal'

const maxFindings = 200

/** What was found so far, in order; neighbouring leaves with the same fault are one finding. */
export class Findings {
  readonly #list: { finding: Finding; what: string }[] = []
  omitted = 0

  get count(): number {
    return this.#list.length
  }

  has(code: FindingCode): boolean {
    return this.#list.some(({ finding }) => finding.code === code)
  }

  add(code: FindingCode, file: string, firstLeaf: number, lastLeaf: number, what: string): void {
    const last = this.#list.findLast(({ finding }) => finding.file === file && finding.code === code)
    if (last?.what === what && last.finding.lastLeaf + 1 === firstLeaf) {
      last.finding = findingOf(code, file, last.finding.firstLeaf, lastLeaf, what)
    } else if (this.#list.length < maxFindings) {
      this.#list.push({ finding: findingOf(code, file, firstLeaf, lastLeaf, what), what })
    } else this.omitted++
  }

  /** By leaf. */
  list(): Finding[] {
    return this.#list.map(({ finding }) => finding).sort((a, b) => a.firstLeaf - b.firstLeaf)
  }
}

function findingOf(code: FindingCode, file: string, firstLeaf: number, lastLeaf: number, what: string) {
  const leaves = firstLeaf === lastLeaf ? `leaf ${firstLeaf}` : `leaves ${firstLeaf} to ${lastLeaf}`
  return { code, file, firstLeaf, lastLeaf, message: `${file}, ${leaves}: ${what}` }
}
