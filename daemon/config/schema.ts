import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { isName } from '../../world/directory/codec/fields.ts'
import { keepBodiesPattern } from '../hosting/retention.ts'

/**
 * Everything that can be set on a node. Flags, environment variables and the configuration file are all made from
 * this one schema (settings.ts): `httpPort` is `--http-port`, `FREEHOLD_HTTP_PORT` and `"httpPort"`.
 */

function whole(from: number, to: number): z.ZodNumber {
  const problem = `must be a whole number from ${from} to ${to}`
  return z.number(problem).int(problem).min(from, problem).max(to, problem)
}

function text(maxLength: number): z.ZodString {
  const problem = `must be a text of 1 to ${maxLength} characters`
  return z.string(problem).min(1, problem).max(maxLength, problem)
}

const port = () => whole(0, 65_535)
const host = () => text(253)
const path = () => text(4096)

const NETWORK_NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/
const NAME_PROBLEM =
  'must be 1 to 63 characters of a-z, 0-9, dots and hyphens, and begin and end with a letter or digit'

/** A network's name stands in log origins and directory names, so it is short and plain. */
export const networkName = z.string(NAME_PROBLEM).regex(NETWORK_NAME, NAME_PROBLEM)

function isMultiaddr(text: string): boolean {
  try {
    multiaddr(text)
    return true
  } catch {
    return false
  }
}

const OPERATOR_PROBLEM = 'must be a name of 1 to 64 characters without control characters'
const KEEP_PROBLEM = 'must be all, a number of records, or a time such as 36h or 30d'
const ADDRESS_PROBLEM = 'must be a multiaddr such as /ip4/0.0.0.0/tcp/7300'
const ADDRESSES_PROBLEM = 'must be a list of 1 to 16 multiaddrs'

export const multiaddrText = z
  .string(ADDRESS_PROBLEM)
  .max(256, ADDRESS_PROBLEM)
  .refine(isMultiaddr, ADDRESS_PROBLEM)

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export const settingsSchema = z.strictObject({
  network: networkName
    .default('local')
    .meta({ description: 'name of the network; names the default data directory' }),
  dataDir: path()
    .optional()
    .meta({ description: 'data directory (default: $XDG_DATA_HOME/freehold/NETWORK)', value: 'DIR' }),
  genesis: path()
    .optional()
    .meta({ description: 'genesis file (default: genesis.json in the data directory)', value: 'FILE' }),
  operator: text(64).refine(isName, OPERATOR_PROBLEM).optional().meta({
    description: 'who runs this node, said when it joins a network (default: the end of its peer id)',
  }),
  listen: z
    .array(multiaddrText, ADDRESSES_PROBLEM)
    .min(1, ADDRESSES_PROBLEM)
    .max(16, ADDRESSES_PROBLEM)
    .default(['/ip4/0.0.0.0/tcp/7300'])
    .meta({ description: 'multiaddrs to listen on for other nodes, comma-separated', value: 'ADDRESSES' }),
  announce: z
    .array(multiaddrText, ADDRESSES_PROBLEM)
    .min(1, ADDRESSES_PROBLEM)
    .max(8, ADDRESSES_PROBLEM)
    .optional()
    .meta({
      description: 'multiaddrs at which others reach this node, where those are others',
      value: 'ADDRESSES',
    }),
  upnp: z
    .boolean('must be true or false')
    .default(true)
    .meta({ description: 'have the router map a port to this node (UPnP)' }),
  autonat: z
    .boolean('must be true or false')
    .default(true)
    .meta({ description: 'ask others whether they can dial this node; if not, use their relays' }),
  relay: z
    .boolean('must be true or false')
    .default(true)
    .meta({ description: 'carry connections of nodes that others cannot dial' }),
  holePunching: z
    .boolean('must be true or false')
    .default(true)
    .meta({ description: 'put direct connections in place of relayed ones' }),
  gatewayHost: host().default('127.0.0.1').meta({ description: 'where game clients connect', value: 'HOST' }),
  gatewayPort: port().default(7301).meta({ description: 'its port; 0 takes a free one', value: 'PORT' }),
  httpHost: host()
    .default('127.0.0.1')
    .meta({ description: 'where API, logs and map are served', value: 'HOST' }),
  httpPort: port().default(7302).meta({ description: 'its port; 0 takes a free one', value: 'PORT' }),
  logLevel: z
    .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)
    .default('info')
    .meta({ description: LOG_LEVELS.join(', '), value: 'LEVEL' }),
  electionMs: whole(100, 60_000)
    .default(1000)
    .meta({ description: 'silence of a leader after which others stand for election', value: 'MS' }),
  heartbeatMs: whole(10, 10_000)
    .default(100)
    .meta({ description: 'time between signs of life', value: 'MS' }),
  leaseReads: z.boolean('must be true or false').default(false).meta({
    description: 'let leaders answer reads by their clock; only where no machine is ever suspended or paused',
  }),
  maxPeers: whole(1, 10_000)
    .default(300)
    .meta({ description: 'peers at once; nodes of the genesis file always get in', value: 'N' }),
  maxSessions: whole(1, 100_000)
    .default(2000)
    .meta({ description: 'game clients connected at once', value: 'N' }),
  maxInputsPerSecond: whole(1, 10_000)
    .default(50)
    .meta({ description: 'inputs that one session may send', value: 'N' }),
  maxCpu: whole(1, 100_000).optional().meta({
    description: 'processor time for it, percent of a core (default: what is free)',
    value: 'PERCENT',
  }),
  maxMemory: whole(64, 100_000_000)
    .optional()
    .meta({ description: 'memory for it, MiB (default: three quarters of what is free)', value: 'MIB' }),
  maxDisk: whole(1, 1_000_000)
    .optional()
    .meta({ description: 'disk for it, GiB (default: three quarters of what is free)', value: 'GIB' }),
  maxBandwidth: whole(1, 1_000_000)
    .optional()
    .meta({ description: 'what its connection carries each way, Mbit/s (default: 100)', value: 'MBIT' }),
  recordsBetweenSnapshots: whole(100, 10_000_000)
    .default(50_000)
    .meta({ description: 'records after which an area keeps its state anew', value: 'N' }),
  keepBodies: z
    .string(KEEP_PROBLEM)
    .regex(keepBodiesPattern, KEEP_PROBLEM)
    .default('all')
    .meta({ description: 'records kept whole: all, a number, or a time (36h, 30d)', value: 'HOW-MUCH' }),
  metrics: z.boolean('must be true or false').default(true).meta({ description: 'serve /metrics' }),
})

export type Settings = z.infer<typeof settingsSchema>
export type SettingName = keyof Settings
/** Settings as somebody gave them: a part, not checked. */
export type RawSettings = Partial<Record<SettingName, unknown>>

export interface SettingField {
  readonly name: SettingName
  readonly kind: 'text' | 'number' | 'boolean' | 'list'
  /** As `--http-port`. */
  readonly flag: string
  /** As `FREEHOLD_HTTP_PORT`. */
  readonly variable: string
  readonly description: string
  /** What stands for the value in the help. */
  readonly valueName: string
  readonly defaultValue: unknown
}

function fieldOf(name: SettingName): SettingField {
  const schema = settingsSchema.shape[name]
  const words = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  const meta = schema.meta() as { description: string; value?: string }
  return {
    name,
    kind: kindOf(schema),
    flag: `--${words}`,
    variable: `FREEHOLD_${words.replaceAll('-', '_').toUpperCase()}`,
    description: meta.description,
    valueName: meta.value ?? 'NAME',
    defaultValue: schema.safeParse(undefined).data,
  }
}

function kindOf(schema: z.core.$ZodType): SettingField['kind'] {
  const { def } = schema._zod
  if ('innerType' in def) return kindOf(def.innerType as z.core.$ZodType)
  if (def.type === 'number' || def.type === 'boolean') return def.type
  return def.type === 'array' ? 'list' : 'text'
}

/** Every setting, in the schema's order. */
export const settingFields: readonly SettingField[] = (
  Object.keys(settingsSchema.shape) as SettingName[]
).map(fieldOf)
