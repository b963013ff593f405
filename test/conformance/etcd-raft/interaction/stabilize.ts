import type { Environment } from './environment.ts'
import type { ScriptedNode } from './node.ts'

const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE']

/** Only NONE matters here: it silences the commands too. The library's log is not compared. */
export function setLogLevel(env: Environment, name: string): string | undefined {
  if (!LEVELS.includes(name.toUpperCase())) return `log levels must be either of [${LEVELS.join(' ')}]`
  env.output.quiet = name.toUpperCase() === 'NONE'
  return undefined
}

/** Lets these nodes (all, when none is named) work and talk until there is nothing left to do. */
export function stabilize(env: Environment, ids: readonly number[], level?: string): string | undefined {
  const wasQuiet = env.output.quiet
  if (level !== undefined) setLogLevel(env, level)
  const nodes = ids.length === 0 ? [...env.nodes] : ids.map(id => env.node(id))
  let complaint: string | undefined
  while (complaint === undefined) {
    const before = env.output.text
    let worked = false
    for (const phase of [handleReadies, receiveMessages, runAppendThreads, runApplyThreads]) {
      const result = phase(env, nodes)
      if (typeof result === 'string') complaint ??= result
      else worked ||= result
      if (complaint !== undefined) break
    }
    if (!worked && before === env.output.text) break
  }
  env.output.quiet = wasQuiet
  return complaint
}

/** A phase says whether there was something to do, or complains. */
type PhaseResult = boolean | string

function handleReadies(env: Environment, nodes: readonly ScriptedNode[]): PhaseResult {
  let worked = false
  for (const node of nodes) {
    if (!node.raw.hasReady()) continue
    env.output.write(`> ${node.id} handling Ready\n`)
    const complaint = env.output.indent(() => env.processReady(node))
    if (complaint !== undefined) return complaint
    worked = true
  }
  return worked
}

function receiveMessages(env: Environment, nodes: readonly ScriptedNode[]): PhaseResult {
  let worked = false
  for (const node of nodes) {
    if (!env.hasMessagesFor(node.id)) continue
    env.output.write(`> ${node.id} receiving messages\n`)
    env.output.indent(() => env.deliver(undefined, [{ id: node.id, drop: false }]))
    worked = true
  }
  return worked
}

function runAppendThreads(env: Environment, nodes: readonly ScriptedNode[]): PhaseResult {
  let worked = false
  for (const node of nodes) {
    if (node.appendWork.length === 0) continue
    env.output.write(`> ${node.id} processing append thread\n`)
    while (node.appendWork.length > 0) {
      const complaint = env.output.indent(() => env.processAppendThread(node))
      if (complaint !== undefined) return complaint
    }
    worked = true
  }
  return worked
}

function runApplyThreads(env: Environment, nodes: readonly ScriptedNode[]): PhaseResult {
  let worked = false
  for (const node of nodes) {
    if (node.applyWork.length === 0) continue
    env.output.write(`> ${node.id} processing apply thread\n`)
    while (node.applyWork.length > 0) env.output.indent(() => env.processApplyThread(node))
    worked = true
  }
  return worked
}
