import type { Operation } from './operation.ts'

const suffix = '/session'

/**
 * Whoever was answered held the player just then: each answer that stands in the log, as a read of the player's session
 * register, which the spawns write. So a session that was closed can't act any more without being found out.
 */
export function sessionReads(operations: readonly Operation[]): Operation[] {
  const players = new Map<string | undefined, string>()
  for (const { f, key, value } of operations)
    if (f === 'write' && key.endsWith(suffix)) players.set(String(value), key)
  return operations.flatMap((operation): Operation[] => {
    const key = players.get(operation.session)
    if (key === undefined || operation.leaf === undefined || operation.key.endsWith(suffix)) return []
    return [{ ...operation, type: 'ok', f: 'read', key, value: operation.session! }]
  })
}

/**
 * Once per session: a seq is answered by one leaf and a leaf answers one seq; leaves rise with the seqs of a session;
 * and the log's order is the order in which clients saw things happen, over all keys and pure reads at once. Returns what
 * isn't so.
 */
export function checkSessions(operations: readonly Operation[]): string[] {
  const committed = operations.filter(({ leaf }) => leaf !== undefined)
  const placed = operations.filter(({ leaf, size }) => leaf !== undefined || size !== undefined)
  return [...checkOnce(committed), ...checkRising(committed), ...checkLogOrder(placed)]
}

const nameOf = ({ session, seq }: Operation): string => `session ${session} seq ${seq}`

function checkOnce(committed: readonly Operation[]): string[] {
  const leafOf = new Map<string, string>()
  const ownerOf = new Map<string, string>()
  const findings: string[] = []
  for (const operation of committed) {
    const name = nameOf(operation)
    const leaf = `leaf ${operation.leaf} of ${operation.log}`
    const [oldLeaf, owner] = [leafOf.get(name), ownerOf.get(leaf)]
    if (oldLeaf !== undefined) findings.push(`${name} was answered twice, by ${oldLeaf} and by ${leaf}`)
    if (owner !== undefined) findings.push(`${leaf} answers ${owner} and ${name}`)
    leafOf.set(name, leaf)
    ownerOf.set(leaf, name)
  }
  return findings
}

function checkRising(committed: readonly Operation[]): string[] {
  const bySession = Map.groupBy(committed, ({ session }) => session)
  return [...bySession.values()].flatMap(operations => {
    const inOrder = operations.toSorted((a, b) => a.seq! - b.seq!)
    return inOrder.slice(1).flatMap((operation, i) => {
      const before = inOrder[i]!
      if (operation.leaf! > before.leaf!) return []
      return `${nameOf(operation)} stands at leaf ${operation.leaf}, and seq ${before.seq} at ${before.leaf}`
    })
  })
}

/** How much of the log there was at least when it was answered, and at most before it. */
const shown = ({ leaf, size }: Operation): number => (leaf === undefined ? size! : leaf + 1)
const before = ({ leaf, size }: Operation): number => leaf ?? size!

const placeOf = (operation: Operation): string =>
  operation.leaf === undefined
    ? `process ${operation.process}'s read of ${operation.key} shows ${operation.size} leaves`
    : `${nameOf(operation)} stands at leaf ${operation.leaf}`

/** What was answered before another thing was asked for stands before it in the log. */
function checkLogOrder(placed: readonly Operation[]): string[] {
  const byLog = Map.groupBy(placed, ({ log }) => log)
  return [...byLog.values()].flatMap(operations => {
    const asked = operations.toSorted((a, b) => a.invokedNs - b.invokedNs)
    const answered = operations.toSorted((a, b) => a.returnedNs - b.returnedNs)
    const findings: string[] = []
    let newest: Operation | undefined
    let i = 0
    for (const operation of asked) {
      for (; answered[i]!.returnedNs < operation.invokedNs; i++)
        if (newest === undefined || shown(answered[i]!) > shown(newest)) newest = answered[i]!
      if (newest !== undefined && before(operation) < shown(newest))
        findings.push(
          `${placeOf(operation)}, and was asked for after it was answered that ${placeOf(newest)}`,
        )
    }
    return findings
  })
}
