/**
 * Just enough of JavaScript's lexical grammar to tell code from comments, strings and regular expressions, so that a
 * rule about code is not broken by a sentence that names it.
 */

const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new))\s*$/

/** The same text, as long and on the same lines, with comments, strings and regular expressions blanked out. */
export function blankNonCode(source: string): string {
  const out = source.split('')
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  // One entry per open template literal: how many braces are open inside its current ${…}.
  const templates: number[] = []
  let at = 0
  while (at < source.length) {
    const char = source[at]!
    const start = at
    if (source.startsWith('//', at)) at = endOr(source.indexOf('\n', at), source)
    else if (source.startsWith('/*', at)) at = endOr(source.indexOf('*/', at + 2), source, 2)
    else if (char === "'" || char === '"') at = endOfQuoted(source, at, char)
    else if (char === '`') at = openTemplate(source, at, templates)
    else if (char === '}' && templates.at(-1) === 0) {
      templates.pop()
      at = openTemplate(source, at, templates)
    } else if (char === '/' && REGEX_MAY_FOLLOW.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      at = endOfRegex(source, at)
    } else {
      if (templates.length > 0 && char === '{') templates[templates.length - 1]!++
      if (templates.length > 0 && char === '}') templates[templates.length - 1]!--
      at++
      continue
    }
    blank(start, at)
  }
  return out.join('')
}

function endOr(found: number, source: string, past = 0): number {
  return found === -1 ? source.length : found + past
}

function endOfQuoted(source: string, start: number, quote: string): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === quote || source[at] === '\n') return at + 1
  }
  return source.length
}

/** From a backtick, or from the brace that ends a `${…}`, to the template's end or to the start of its next `${`. */
function openTemplate(source: string, start: number, templates: number[]): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === '`') return at + 1
    else if (source.startsWith('${', at)) {
      templates.push(0)
      return at + 2
    }
  }
  return source.length
}

function endOfRegex(source: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at]
    if (char === '\\') at++
    else if (char === '\n') return start + 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1
  }
  return source.length
}

export interface Import {
  readonly specifier: string
  /** From 1. */
  readonly line: number
}

const STATIC_IMPORT = /^[ \t]*(?:import|export)\b(?:[^'"`;()=]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const DYNAMIC_IMPORT = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g

/** What a module imports or re-exports: statically, dynamically or as a type only. */
export function importsOf(source: string): Import[] {
  return [STATIC_IMPORT, DYNAMIC_IMPORT].flatMap(pattern =>
    [...source.matchAll(pattern)].map(match => ({
      specifier: match[1]!,
      line: lineAt(source, match.index + match[0].length),
    })),
  )
}

/** The line (from 1) that the character at `index` is on. */
export function lineAt(source: string, index: number): number {
  let line = 1
  for (let at = source.indexOf('\n'); at !== -1 && at < index; at = source.indexOf('\n', at + 1)) line++
  return line
}
