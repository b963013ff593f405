import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { badConfiguration, SetupError } from '../config/setup-error.ts'
import { writeFileDurably } from './durable-file.ts'

/** What stands where in a data directory. */
export function dataDirFiles(dataDir: string) {
  return {
    config: join(dataDir, 'config.json'),
    genesis: join(dataDir, 'genesis.json'),
    /** Hash of the genesis that the store was begun with, and the peer id of the node that began it. */
    genesisHash: join(dataDir, 'genesis.sha256'),
    nodeKeys: join(dataDir, 'node-keys.json'),
    /** Which store the keys have promised by (incarnation.ts). */
    incarnation: join(dataDir, 'incarnation.json'),
    lock: join(dataDir, 'lock'),
    /** Of a running node: its process and where it listens (run-file.ts). */
    run: join(dataDir, 'run.json'),
    store: join(dataDir, 'store'),
    /** Witnesses that are asked to cosign (witnesses/list.ts). */
    witnesses: join(dataDir, 'witnesses.json'),
    /** Whom this node has let read what its orgs show to members only (disclosure/grants.ts). */
    grants: join(dataDir, 'grants.json'),
    /** Proof of what others did (evidence/folder.ts), and what a witness that runs on this directory leaves of it. */
    evidence: join(dataDir, 'evidence'),
    witnessEvidence: join(dataDir, 'witness', 'evidence'),
  } as const
}

export interface DataDir {
  readonly files: ReturnType<typeof dataDirFiles>
  /** There has been a store. */
  readonly hasRun: boolean
  /** The store is there: from now on the directory is this network's and this node's. */
  begun(): void
  /** Lets another process have it. */
  release(): void
}

/**
 * Takes a data directory for this process, one network and one node. Throws a SetupError when another process has it
 * (1), or when it belongs to another network or node (78).
 */
export function openDataDir(dataDir: string, genesisHashHex: string, peerId: string): DataDir {
  const files = dataDirFiles(dataDir)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  takeLock(files.lock, dataDir)
  const release = (): void => rmSync(files.lock, { force: true })
  try {
    const recorded = readText(files.genesisHash)
    if (recorded !== undefined) checkBegun(dataDir, recorded, genesisHashHex, peerId)
    const begun = (): void => {
      if (recorded === undefined) writeFileDurably(files.genesisHash, `${genesisHashHex}\n${peerId}\n`)
    }
    return { files, hasRun: recorded !== undefined, begun, release }
  } catch (error) {
    release()
    throw error
  }
}

function checkBegun(dataDir: string, recorded: string, genesisHashHex: string, peerId: string): void {
  const [begunHash = '', begunPeer] = recorded.split('\n')
  if (begunHash !== genesisHashHex) {
    throw badConfiguration(
      'wrong-genesis',
      `${dataDir} belongs to the network with genesis ${begunHash.slice(0, 16)}…, the genesis file given has ` +
        `${genesisHashHex.slice(0, 16)}…: give the right --genesis, or another --data-dir.`,
    )
  }
  if (begunPeer !== peerId) {
    throw badConfiguration(
      'other-keys',
      `The store of ${dataDir} was begun by node ${begunPeer}, and the keys there are those of ${peerId}: put its own ` +
        'keys back, or give these an own --data-dir.',
    )
  }
}

/**
 * Throws a SetupError when another process has the folder; that of a process that was killed is taken over. LevelDB's own
 * lock is what keeps two processes out of a store; this one says so sooner and names the other.
 */
export function takeLock(file: string, dataDir: string): void {
  const self = `${process.pid} ${startOf(process.pid)}\n`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(file, self, { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const held = readText(file)
    if (held !== undefined && isRunning(held)) throw lockedError(dataDir, held.split(' ')[0]!)
    rmSync(file, { force: true }) // its process was killed
  }
  throw lockedError(dataDir, 'another')
}

function lockedError(dataDir: string, pid: string): SetupError {
  return new SetupError(
    'data-dir-locked',
    `${dataDir} is in use by process ${pid}: stop that one (freehold stop), or start this one with another --data-dir.`,
  )
}

function isRunning(held: string): boolean {
  const [pidText, start] = held.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isSafeInteger(pid) || pid < 1) return false
  return isProcessRunning(pid) && startOf(pid) === start
}

export function isProcessRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, where Linux tells: a process id alone may have been given to another program since. */
function startOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`)
  // proc_pid_stat(5): the name in parentheses may hold spaces; starttime is the 22nd field, the 20th after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-'
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
