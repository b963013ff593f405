/** One way in for bytes that somebody else made: from a peer, a client, a log's server, a file that was handed on, a disk. */
export interface Parser {
  /** `<file>#<export>`, the file from the repository's root. */
  readonly name: string
  /** Bytes that must be accepted; damaged ones are made from them. */
  readonly samples: () => readonly Uint8Array[]
  /** Undefined when it refuses. It must not throw. */
  readonly parse: (bytes: Uint8Array) => unknown
  /** The one form of what was parsed; or, in words, why it has more than one. */
  readonly write: ((parsed: never) => Uint8Array) | string
}

/** @param write of what `parse` gave */
export function parser<T>(
  name: string,
  samples: () => readonly Uint8Array[],
  parse: (bytes: Uint8Array) => T | undefined,
  write: ((parsed: T) => Uint8Array) | string,
): Parser {
  return { name, samples, parse, write }
}

/** As `parser`, for texts. What is no UTF-8 reaches it too, with U+FFFD in its place, but is not compared: it is another text. */
export function textParser<T>(
  name: string,
  samples: () => readonly string[],
  parse: (text: string) => T | undefined,
  write: ((parsed: T) => string) | string,
): Parser {
  return {
    name,
    samples: () => samples().map(text => new Uint8Array(Buffer.from(text))),
    parse: bytes => {
      const text = Buffer.from(bytes).toString()
      const parsed = parse(text)
      return Buffer.compare(Buffer.from(text), bytes) === 0 ? parsed : undefined
    },
    write: typeof write === 'string' ? write : (parsed: T) => new Uint8Array(Buffer.from(write(parsed))),
  }
}

/** Undefined where it throws an error of its own kind: parsers of files that a person names speak to that person. */
export function refusing<T>(isOwn: (error: unknown) => boolean, parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (isOwn(error)) return undefined
    throw error
  }
}

/** Undefined for a refusal that is told by a code. */
export function unlessCode<T extends object>(result: T): Exclude<T, { readonly code: string }> | undefined {
  return 'code' in result ? undefined : (result as Exclude<T, { readonly code: string }>)
}
