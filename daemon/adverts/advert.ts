import { z } from 'zod'
import { canonicalJson } from '../genesis/canonical-json.ts'

const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const url = z.string().max(256)
const hex = z.string().regex(/^([0-9a-f]{64})?$/)

/** What a leader says of an authority that it leads. */
const ledSchema = z.strictObject({
  group: whole,
  term: whole,
  size: whole,
  sealedSize: whole,
  sealHeight: whole,
  checkpointRoot: hex,
  stateRoot: hex,
  entities: whole,
  players: whole,
  actions: whole,
  tick: whole,
  awake: z.boolean(),
})

/** What a node says of itself once a second on the topic `nodes`. Gossip signs it with the node's identity. */
const advertSchema = z.strictObject({
  number: whole,
  wallMs: whole,
  gatewayUrl: url,
  httpUrl: url,
  led: z.array(ledSchema).max(1000),
})

export type Advert = z.infer<typeof advertSchema>
export type LedAuthority = z.infer<typeof ledSchema>

export const advertsTopic = 'nodes'
export const maxAdvertBytes = 256 * 1024

export function encodeAdvert(advert: Advert): Uint8Array {
  return new TextEncoder().encode(canonicalJson(advert))
}

/** Undefined for anything that isn't exactly an advert, in its one form. */
export function decodeAdvert(bytes: Uint8Array): Advert | undefined {
  if (bytes.length > maxAdvertBytes) return undefined
  try {
    const { data } = advertSchema.safeParse(JSON.parse(Buffer.from(bytes).toString()))
    return data !== undefined && Buffer.compare(encodeAdvert(data), bytes) === 0 ? data : undefined
  } catch {
    return undefined
  }
}
