import { readGenesis } from '../genesis.ts'
import { LogSigners } from '../signers.ts'
import { IMPATIENT } from '../source/http.ts'
import { openSource } from '../source/source.ts'
import { parseVerifierKey } from '../verify/note.ts'
import { memoryInFiles } from './memory-files.ts'
import { Newcomers } from './newcomers.ts'
import { type RunningWitness, serveWitness } from './server.ts'
import { Witness } from './witness.ts'

export interface WitnessPlan {
  /** Its own, of a cosigner. */
  readonly vkey: string
  /** Ed25519, of that key. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** The genesis file, which names the logs and their keys. */
  readonly genesis: string
  /** URLs or folders with the logs' certificates, which name who became a member later. */
  readonly from: () => readonly string[]
  /** Folder of what it must not forget. */
  readonly memory: string
  readonly host: string
  readonly port: number
  /** A log contradicted itself: the evidence is in this file. */
  readonly accused: (path: string) => void
}

/** @throws AuditError when the genesis file or the memory is refused, and what `listen` throws */
export async function startWitness(plan: WitnessPlan): Promise<RunningWitness & { readonly logs: number }> {
  const genesis = readGenesis(plan.genesis)
  const logs = new Map(
    genesis.areas.map(area => {
      const signers = new LogSigners(genesis, area)
      return [signers.origin, signers] as const
    }),
  )
  const counts = new Map<number, number>()
  const witness = new Witness({
    key: parseVerifierKey(plan.vkey)!,
    sign: plan.sign,
    logs,
    memory: memoryInFiles(plan.memory, plan.accused),
    nowSeconds: () => Math.floor(Date.now() / 1000),
    count: status => counts.set(status, (counts.get(status) ?? 0) + 1),
  })
  const newcomers = new Newcomers({
    logs,
    sources: () => plan.from().map(from => openSource(from, IMPATIENT)),
    nowMs: () => performance.now(),
  })
  const service = {
    addCheckpoint: async (body: Uint8Array) => {
      await newcomers.meet(body)
      return witness.addCheckpoint(body)
    },
  }
  const about = (): string => {
    const answers = [...counts].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
    return [
      `A witness (C2SP tlog-witness) of the ${logs.size} logs of ${genesis.network}.`,
      `Verifier key: ${plan.vkey}`,
      `Answers by status since it started: ${answers.join(', ') || 'none'}`,
    ].join('\n')
  }
  return { ...(await serveWitness(service, about, plan.host, plan.port)), logs: logs.size }
}
