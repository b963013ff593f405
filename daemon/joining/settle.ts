import { existsSync } from 'node:fs'
import type { RawSettings } from '../config/schema.ts'
import { badConfiguration } from '../config/setup-error.ts'
import { parseGenesis, readGenesis } from '../genesis/genesis.ts'
import { dataDirFiles } from '../identity/data-dir.ts'
import { writeFileDurably } from '../identity/durable-file.ts'
import { createNodeKeys } from '../identity/node-keys.ts'
import { defaultPort, type JoinLink } from './link.ts'

/** Whether the directory already is of a node of the link's world. @throws SetupError when it is of another's */
export function isSettled(dataDir: string, link: JoinLink): boolean {
  const { genesis } = dataDirFiles(dataDir)
  if (!existsSync(genesis)) return false
  const { hashHex, file } = readGenesis(genesis)
  if (hashHex === link.genesisHash) return true
  throw badConfiguration(
    'other-world',
    `${dataDir} has a node of ${file.network} with genesis ${hashHex.slice(0, 16)}…, the link leads to ${link.genesisHash.slice(0, 16)}…: name another --data-dir.`,
  )
}

/** A data directory for a new node of the world: its keys, its settings, the genesis file. @throws SetupError */
export function settle(dataDir: string, link: JoinLink, genesis: Uint8Array): void {
  const { network } = parseGenesis(genesis, 'of the link').file
  if (network !== link.network) {
    throw badConfiguration(
      'other-name',
      `The link's world calls itself ${network}, not ${link.network}: ask for the link anew.`,
    )
  }
  const files = dataDirFiles(dataDir)
  if (!existsSync(files.nodeKeys)) createNodeKeys(files.nodeKeys, network)
  if (!existsSync(files.config)) {
    const settings: RawSettings = { network, listen: [`/ip4/0.0.0.0/tcp/${defaultPort}`] }
    writeFileDurably(files.config, `${JSON.stringify(settings, undefined, 2)}\n`)
  }
  // Last: a directory with a genesis file is whole.
  writeFileDurably(files.genesis, genesis)
}
