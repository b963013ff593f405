import { auditParsers } from './audit.ts'
import { clientParsers } from './clients.ts'
import { consensusParsers } from './consensus.ts'
import { directoryParsers } from './directory.ts'
import { evidenceParsers } from './evidence.ts'
import { nodeParsers } from './nodes.ts'
import { operatorsParsers } from './operators.ts'
import type { Parser } from './parser.ts'
import { storageParsers } from './storage.ts'
import { worldParsers } from './world.ts'

/** Every parser of what a peer, a client, a server, a file or a disk says. */
export const parsers: readonly Parser[] = [
  ...storageParsers,
  ...consensusParsers,
  ...nodeParsers,
  ...clientParsers,
  ...auditParsers,
  ...evidenceParsers,
  ...worldParsers,
  ...directoryParsers,
  ...operatorsParsers,
]

/** What is called so and reads no bytes or text of others: numbers, and a setting. */
export const notParsers: readonly string[] = [
  'world/codec/course.ts#decodeCourse',
  'daemon/hosting/retention.ts#parseKeepBodies',
]
