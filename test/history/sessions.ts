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
 * and the log's order is the order in which clients saw things happen, over all keys at once. Returns what isn't so.
 */
export function checkSessions(operations: readonly Operation[]): string[] {
  const committed = operations.filter(({ leaf }) => leaf !== undefined)
  return [...checkOnce(committed), ...checkRising(committed), ...checkLogOrder(committed)]
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

/** What was answered before another thing was asked for stands before it in the log. */
function checkLogOrder(committed: readonly Operation[]): string[] {
  const byLog = Map.groupBy(committed, ({ log }) => log)
  return [...byLog.values()].flatMap(operations => {
    const asked = operations.toSorted((a, b) => a.invokedNs - b.invokedNs)
    const answered = operations.toSorted((a, b) => a.returnedNs - b.returnedNs)
    const findings: string[] = []
    let newest: Operation | undefined
    let i = 0
    for (const operation of asked) {
      for (; answered[i]!.returnedNs < operation.invokedNs; i++)
        if (newest === undefined || answered[i]!.leaf! > newest.leaf!) newest = answered[i]!
      if (newest !== undefined && operation.leaf! < newest.leaf!) {
        const later = `${nameOf(newest)} (leaf ${newest.leaf})`
        findings.push(
          `${nameOf(operation)} stands at leaf ${operation.leaf}, and was asked for after ${later} was answered`,
        )
      }
    }
    return findings
  })
}
