/** What running one file of published vectors gave. */
export interface FileResult {
  readonly file: string
  readonly passed: number
  readonly total: number
  /** What the first failing case wanted and got. */
  readonly firstDifference?: string
}

/** Counts the cases of one file. A case that throws has failed. */
export class Cases {
  #passed = 0
  #total = 0
  #firstDifference: string | undefined

  /** One case: every check in it must hold. */
  run(name: string, body: (expect: Expect) => void): void {
    this.#total += 1
    const difference = differenceOf(body)
    if (difference === undefined) this.#passed += 1
    else this.#firstDifference ??= `${name}: ${difference}`
  }

  async runAsync(name: string, body: (expect: Expect) => Promise<void>): Promise<void> {
    const found: string[] = []
    await body(expectInto(found)).catch(error => found.push(`threw ${error}`))
    this.run(name, () => {
      if (found[0] !== undefined) throw new Difference(found[0])
    })
  }

  result(file: string): FileResult {
    const counts = { file, passed: this.#passed, total: this.#total }
    return this.#firstDifference === undefined
      ? counts
      : { ...counts, firstDifference: this.#firstDifference }
  }
}

/** Compares what the code gave (bytes as hex) with what the vector wants. */
export type Expect = (what: string, actual: unknown, wanted: unknown) => void

class Difference extends Error {}

function differenceOf(body: (expect: Expect) => void): string | undefined {
  const found: string[] = []
  try {
    body(expectInto(found))
  } catch (error) {
    found.push(error instanceof Difference ? error.message : `threw ${error}`)
  }
  return found[0]
}

function expectInto(found: string[]): Expect {
  return (what, actual, wanted) => {
    const [got, want] = [readable(actual), readable(wanted)]
    if (got !== want) found.push(`${what}: wanted ${want}, got ${got}`)
  }
}

function readable(value: unknown): string {
  if (value === undefined) return 'undefined'
  return JSON.stringify(value, (_, part) =>
    part?.type === 'Buffer' && Array.isArray(part.data)
      ? Buffer.from(part.data).toString('hex')
      : part instanceof Uint8Array
        ? Buffer.from(part).toString('hex')
        : part,
  )
}
