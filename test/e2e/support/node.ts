import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RawSettings } from '../../../daemon/config/schema.ts'
import { foundNetwork } from '../../../daemon/genesis/found.ts'
import { dataDirFiles } from '../../../daemon/identity/data-dir.ts'
import { readRunFile } from '../../../daemon/identity/run-file.ts'
import { isReady } from '../../../testnet/local/api.ts'
import { type HowToRun, type Running, startFreehold, until } from './processes.ts'

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'freehold-e2e-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Founds a network of one node and one area, on ports that the system chooses at each start. */
export function foundSingle(dataDir: string, settings: RawSettings = {}): string {
  foundNetwork({
    ...{ network: 'sea', operator: 'me', dataDirs: [dataDir], host: '127.0.0.1', firstPort: 1 },
    ...{ areas: 1, replicas: 1, createdAt: new Date(), operatorFile: join(dataDir, 'operator.json') },
    settings: {
      ...{ listen: ['/ip4/127.0.0.1/tcp/0'], gatewayPort: 0, httpPort: 0, electionMs: 300 },
      ...settings,
    },
  })
  return dataDir
}

export function startNode(dataDir: string, flags: readonly string[] = [], how: HowToRun = {}): Running {
  return startFreehold(['start', '--data-dir', dataDir, ...flags], how)
}

/** Waits until it serves; fails with what it said when it ends instead. */
export async function serving(
  node: Running,
  dataDir: string,
): Promise<{ pid: number; httpUrl: string; gatewayUrl: string }> {
  const file = dataDirFiles(dataDir).run
  await until('the node is ready', async () => {
    if (node.child.exitCode !== null) throw new Error(`the node ended: ${node.stderr()}`)
    const run = readRunFile(file)
    return run !== undefined && (await isReady(run.httpUrl))
  })
  return readRunFile(file)!
}

export async function stopNode(node: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  node.child.kill(signal)
  await node.ended
}
