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

const areaSchema = z.strictObject({
  group: number,
  kind: z.enum(['area', 'org']),
  name: z
    .string()
    .regex(/^(area\/[0-3]{1,16}|org\/[a-z0-9-]{1,32})$/, 'must be area/ and a quadkey, or org/ and a name'),
  birth: z.number().int().min(0).max(MAX_U32),
  epoch: number,
  members: z.array(number).min(1).max(9),
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
  authorities: z.array(areaSchema).min(1).max(100_000),
})

export type GenesisFile = z.infer<typeof genesisSchema>
export type GenesisNode = z.infer<typeof nodeSchema>
export type GenesisAuthority = z.infer<typeof areaSchema>
