/**
 * The house's own rules about its sources: which room may import which, what may not stand in code that decides, and
 * what must not be in the tree at all. Pure: `check.ts` hands in the files.
 */
import { posix } from 'node:path'
import { blankNonCode, importsOf, lineAt } from './source-text.ts'

export interface SourceFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

interface RoomRule {
  /** Path prefix of the files it is about; the longest one that fits counts. */
  readonly room: string
  /** Path prefixes outside the room that it may import. */
  readonly mayImport: readonly string[]
  /** Packages that it may import; all when absent. */
  readonly packages?: readonly string[]
}

const ROOMS: readonly RoomRule[] = [
  { room: 'cli/', mayImport: ['daemon/', 'audit/', 'testnet/', 'client/'] },
  { room: 'testnet/', mayImport: ['daemon/', 'client/', 'audit/', 'consensus/', 'storage/', 'world/'] },
  { room: 'daemon/', mayImport: ['consensus/', 'storage/', 'world/', 'client/protocol/'] },
  { room: 'client/', mayImport: ['audit/verify/', 'world/codec'] },
  { room: 'audit/', mayImport: ['world/', 'client/protocol/', 'consensus/handover/'] },
  { room: 'audit/verify/', mayImport: [], packages: ['@noble/'] },
  { room: 'consensus/', mayImport: ['storage/'] },
  { room: 'storage/', mayImport: [] },
  { room: 'world/', mayImport: [], packages: [] },
]

/** Code that decides: clock, randomness, network and disk are handed to it (design, section 3). */
const DECIDING = [
  'consensus/',
  'world/',
  'storage/',
  'audit/verify/',
  'daemon/adverts/',
  'daemon/authority/',
  'daemon/checkpoints/',
  'daemon/directory/',
  'daemon/evidence/',
  'daemon/feed/',
  'daemon/gateway/',
  'daemon/handover/',
  'daemon/hosting/',
  'daemon/routing/',
]
/** Where those rooms meet the world: disks, and a listening socket. */
const EDGES = [
  'storage/store-level.ts',
  'storage/level-tables.ts',
  'daemon/gateway/server.ts',
  'daemon/evidence/folder.ts',
  'daemon/directory/measures.ts',
]

const IO_MODULES =
  /^(?:node:)?(?:child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|os|perf_hooks|process|readline|repl|sqlite|timers|tls|tty|worker_threads)(?:\/|$)/

const BANNED_WHERE_DECIDING: readonly (readonly [RegExp, string])[] = [
  [/\bDate\s*\.\s*now\b/g, 'Date.now: take the clock that is handed in'],
  [/\bDate\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()/g, 'new Date(): take the clock that is handed in'],
  [/\bperformance\s*\.\s*\w+/g, 'performance: take the clock that is handed in'],
  [/\bprocess\s*\.\s*\w+/g, 'process: what decides knows nothing of its process'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random: take the randomness that is handed in'],
  [
    // As a member of node:crypto or WebCrypto, or imported from there; a port may well have such a name.
    /\bcrypto\s*\.\s*(?:random\w+|getRandomValues|generateKey\w*)|\bimport\s*\{[^}]*\b(?:random(?:Bytes|UUID|Int|Fill\w*)|generateKey\w*|randomSecretKey)\b/g,
    'fresh randomness: take what is handed in',
  ],
  [/\bset(?:Timeout|Interval|Immediate)\b/g, 'a timer: ask for it as an effect, or count ticks'],
  [
    /\bfetch\s*\(|\bnew\s+(?:WebSocket|EventSource|XMLHttpRequest|Worker|BroadcastChannel)\b/g,
    'I/O: hand it out as an effect',
  ],
]

const TRANSCENDENTAL =
  /\bMath\s*\.\s*(?:a?(?:sin|cos|tan)h?|atan2|exp|expm1|log|log2|log10|log1p|pow|cbrt|hypot)\b/g

const BANNED_IN_WORLD: readonly (readonly [RegExp, string])[] = [
  [TRANSCENDENTAL, 'a transcendental function: engines may round it differently'],
  [/\*\*/g, 'the ** operator: engines may round it differently'],
  [/\b(?:localeCompare|toLocale\w+|Intl)\b/g, "a locale: replicas' locales differ"],
]

const BANNED_WHERE_STRANGERS_ANSWER: readonly (readonly [RegExp, string])[] = [
  // A method may well have such a name.
  [
    /(?:(?<![\w.#])|\b(?:globalThis|window)\s*\.\s*)fetch\s*\(/g,
    'fetch has no limits: take askHttp of client/protocol/http.ts',
  ],
]
/** The one that sets the limits, and benchmarks, which ask what they have started. */
const MAY_FETCH = /^(?:client\/protocol\/http\.ts$|testnet\/bench\/)/

/** Findings in one source file (.ts, .tsx, .js, .mjs). */
export function checkSource(file: SourceFile): Finding[] {
  return [...checkImports(file), ...checkBans(file)]
}

function checkImports(file: SourceFile): Finding[] {
  const rule = ROOMS.filter(room => file.path.startsWith(room.room)).sort(
    (a, b) => b.room.length - a.room.length,
  )[0]
  if (rule === undefined) return []
  const deciding = decides(file.path)
  return importsOf(file.text).flatMap(({ specifier, line }) => {
    const message = specifier.startsWith('.')
      ? roomProblem(rule, posix.join(posix.dirname(file.path), specifier))
      : packageProblem(rule, specifier, deciding)
    return message === undefined ? [] : [{ path: file.path, line, message }]
  })
}

function roomProblem(rule: RoomRule, target: string): string | undefined {
  if ([rule.room, ...rule.mayImport].some(prefix => target.startsWith(prefix))) return undefined
  return `imports ${target}: ${rule.room} may import ${rule.mayImport.join(', ') || 'no other room'}`
}

function packageProblem(rule: RoomRule, specifier: string, deciding: boolean): string | undefined {
  if (rule.packages !== undefined && !rule.packages.some(prefix => specifier.startsWith(prefix))) {
    return `imports ${specifier}: ${rule.room} may import ${rule.packages.join(', ') || 'no package'}`
  }
  return deciding && IO_MODULES.test(specifier)
    ? `imports ${specifier}: code that decides does no I/O`
    : undefined
}

function decides(path: string): boolean {
  return DECIDING.some(prefix => path.startsWith(prefix)) && !EDGES.includes(path) && !path.endsWith('.pb.js')
}

function bansFor(path: string): readonly (readonly [RegExp, string])[] {
  if (!decides(path)) {
    const asksStrangers = ROOMS.some(({ room }) => path.startsWith(room)) && !MAY_FETCH.test(path)
    return asksStrangers ? BANNED_WHERE_STRANGERS_ANSWER : []
  }
  return path.startsWith('world/') ? [...BANNED_WHERE_DECIDING, ...BANNED_IN_WORLD] : BANNED_WHERE_DECIDING
}

function checkBans(file: SourceFile): Finding[] {
  const bans = bansFor(file.path)
  if (bans.length === 0) return []
  const code = blankNonCode(file.text)
  return bans.flatMap(([pattern, message]) =>
    [...code.matchAll(pattern)].map(match => ({ path: file.path, line: lineAt(code, match.index), message })),
  )
}

// Spelled in parts, so that this file does not find itself.
const MACHINE_PATH = new RegExp(`(?<![\\w./-])/(?:${['work', 'root', 'home'].join('|')})/\\S*`, 'g')

/** Paths of somebody's machine, in any text file of the tree. */
export function checkMachinePaths(file: SourceFile): Finding[] {
  return [...file.text.matchAll(MACHINE_PATH)].map(match => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    message: `a path of one machine: ${match[0]}`,
  }))
}
