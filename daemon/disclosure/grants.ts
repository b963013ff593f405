import { z } from 'zod'
import { SetupError } from '../config/setup-error.ts'
import { type ListFile, readList, stampOf, writeList } from '../identity/list-file.ts'

/** A grant that was given here, or that is good here no more. Nothing in it lets anybody read anything. */
export interface GrantEntry {
  /** The grant's, 32 hex digits. */
  readonly serial: string
  readonly origin: string
  /** Number of the node that signed it. */
  readonly member: number
  /** Whom it was given to, as its giver calls them. */
  readonly recipient: string
  readonly expiresAtMs: number
  readonly withdrawn: boolean
}

export const maxGrants = 4_096
export const maxRecipientChars = 64

const whole = z.number().int().min(0)
const list: ListFile<GrantEntry> = {
  ...{ code: 'bad-grants', name: 'list of grants', command: 'freehold grant' },
  schema: z
    .array(
      z.strictObject({
        ...{ serial: z.string().regex(/^[0-9a-f]{32}$/), origin: z.string().max(200), member: whole },
        ...{ recipient: z.string().max(maxRecipientChars), expiresAtMs: whole, withdrawn: z.boolean() },
      }),
    )
    .max(maxGrants),
}

/** None when the file is not there. @throws SetupError `bad-grants` (78) */
export function readGrants(path: string): readonly GrantEntry[] {
  return readList(path, list)
}

export function writeGrants(path: string, entries: readonly GrantEntry[]): void {
  writeList(path, entries)
}

/**
 * The list with this grant as one that is good no more. Where the list is full, the good one that expires first is forgotten: it
 * stays as good as it was, which a withdrawn one would become again. @throws SetupError `too-many-grants`
 */
export function withWithdrawn(
  entries: readonly GrantEntry[],
  grant: GrantEntry,
): { readonly list: readonly GrantEntry[]; readonly forgotten: GrantEntry | undefined } {
  const others = entries.filter(({ serial }) => serial !== grant.serial)
  const [soonest] = others.filter(({ withdrawn }) => !withdrawn).sort((a, b) => a.expiresAtMs - b.expiresAtMs)
  const forgotten = others.length < maxGrants ? undefined : soonest
  const kept = others.filter(entry => entry !== forgotten)
  if (kept.length >= maxGrants)
    throw new SetupError(
      'too-many-grants',
      `At most ${maxGrants} removed grants are remembered: another one can be removed once one of them has expired.`,
    )
  return { list: [...kept, { ...grant, withdrawn: true }], forgotten }
}

/** Which grants a running node takes no more. Where it can't know that, it takes none. */
export class WithdrawnGrants {
  readonly #path: string
  readonly #refused: (error: Error) => void
  #serials: ReadonlySet<string> | undefined
  #stamp = -1

  constructor(path: string, refused: (error: Error) => void) {
    this.#path = path
    this.#refused = refused
  }

  has(serial: Uint8Array): boolean {
    const stamp = stampOf(this.#path)
    if (stamp !== this.#stamp) this.#read(stamp)
    return this.#serials?.has(Buffer.from(serial).toString('hex')) ?? true
  }

  #read(stamp: number): void {
    this.#stamp = stamp
    try {
      const withdrawn = readGrants(this.#path).filter(entry => entry.withdrawn)
      this.#serials = new Set(withdrawn.map(({ serial }) => serial))
    } catch (error) {
      this.#serials = undefined
      this.#refused(error as Error)
    }
  }
}
