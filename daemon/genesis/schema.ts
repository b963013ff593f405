import { z } from 'zod'
import { multiaddrText, networkName } from '../config/schema.ts'

/** Shape and limits of the genesis file. What fields mean to each other is checked in genesis.ts. */

const MAX_U32 = 0xffff_ffff
const number = z.number().int().min(1).max(MAX_U32)
const publicKey = z.base64().length(44)
const signature = z.base64().length(88)
// The world's rules know an area's own limits (world/charter.ts).
const whole = z.number().int()

const nodeSchema = z.strictObject({
  number,
  peerId: z.string().min(40).max(64),
  operator: z.string().min(1).max(64),
  addresses: z.array(multiaddrText).min(1).max(16),
  keys: z.strictObject({ vote: publicKey, cosign: publicKey, log: publicKey }),
  endorsement: signature,
})

/** What every authority has. Its name and birth make its log's origin. */
const held = {
  group: number,
  birth: z.number().int().min(0).max(MAX_U32),
  epoch: number,
  members: z.array(number).min(1).max(9),
}

const areaSchema = z.strictObject({
  ...held,
  kind: z.enum(['area', 'org']),
  name: z
    .string()
    .regex(/^(area\/[0-3]{1,16}|org\/[a-z0-9-]{1,32})$/, 'must be area/ and a quadkey, or org/ and a name'),
  quadkey: z.string().regex(/^[0-3]{1,16}$/),
  xMm: whole,
  yMm: whole,
  sideMm: whole,
  spawns: z.array(z.strictObject({ xMm: whole, yMm: whole })).max(64),
  seed: whole,
  resourceCount: whole,
  npcCount: whole,
  capacity: whole,
  borders: z.literal('open').optional(),
})

/** Where authorities are made and placed. The nodes, authorities and operators that it begins with are those of this file. */
const directorySchema = z.strictObject({
  ...held,
  kind: z.literal('directory'),
  name: z.literal('directory'),
  policy: z.strictObject({
    /** Whether any node may bring a new one in, or only the operators. */
    admission: z.enum(['open', 'operators']),
    /** Of an authority: members, and learners beside them. */
    replicas: whole,
    observers: whole,
    /** How long a node that nobody vouched for has to be known before it is trusted with everything, in seconds. */
    trustS: whole,
    /** Of areas that are made while the network runs. */
    seed: whole,
    resourceCount: whole,
    npcCount: whole,
    capacity: whole,
  }),
})

export const genesisSchema = z.strictObject({
  format: z.literal(1),
  network: networkName,
  createdAt: z.iso.datetime({ precision: 3 }),
  protocol: z.strictObject({ min: number, max: number }),
  rules: z.strictObject({
    version: z.number().int().min(1).max(0xffff),
    contentHash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  tickMs: z.number().int().min(10).max(10_000),
  nodes: z.array(nodeSchema).min(1).max(10_000),
  /** More than half of them command. */
  operators: z
    .array(z.strictObject({ name: z.string().min(1).max(64), key: publicKey }))
    .min(1)
    .max(64),
  /** Of these keys so many begin a directory anew that has lost its quorum. */
  recovery: z.strictObject({ keys: z.array(publicKey).min(1).max(64), threshold: number }),
  authorities: z
    .array(z.union([areaSchema, directorySchema]))
    .min(1)
    .max(100_000),
})

export type GenesisFile = z.infer<typeof genesisSchema>
export type GenesisNode = z.infer<typeof nodeSchema>
export type GenesisArea = z.infer<typeof areaSchema>
export type GenesisDirectory = z.infer<typeof directorySchema>
export type GenesisAuthority = GenesisFile['authorities'][number]

export function isDirectory(authority: GenesisAuthority): authority is GenesisDirectory {
  return authority.kind === 'directory'
}

/** What has a place in the world and somebody to play in it: the areas, and the orgs so far. */
export function placesOf({ authorities }: Pick<GenesisFile, 'authorities'>): GenesisArea[] {
  return authorities.filter(authority => !isDirectory(authority))
}
