import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import {
  networkName,
  type RawSettings,
  type SettingField,
  type SettingName,
  type Settings,
  settingFields,
  settingsSchema,
} from './schema.ts'
import { badConfiguration, badUsage, type SetupError } from './setup-error.ts'

const MAX_FILE_BYTES = 1_000_000

/** What a node runs with: every setting decided, paths absolute. */
export interface NodeConfig extends Omit<Settings, 'dataDir' | 'genesis'> {
  readonly dataDir: string
  readonly genesis: string
}

export interface SettingSources {
  /** By setting name, as text or as commander parsed it. */
  readonly flags: RawSettings
  readonly env: Readonly<Record<string, string | undefined>>
  /** A configuration file that was asked for; without it, `config.json` in the data directory is read if it exists. */
  readonly configFile?: string | undefined
}

/** Where a setting was given. */
interface Origin {
  readonly shownAs: string
  readonly isFlag: boolean
}

/**
 * Decides every setting: flag > environment > file > default. Throws a SetupError (exit 2 for a flag, else 78) of one
 * line that names the setting, where it came from and what is wrong with it.
 */
export function loadConfig(sources: SettingSources): NodeConfig {
  const flags = parseTexts(sources.flags, field => ({ shownAs: field.flag, isFlag: true }))
  const env = parseTexts(fromEnvironment(sources.env), field => ({
    shownAs: field.variable,
    isFlag: false,
  }))
  const nearest = { ...env, ...flags }
  const dataDirHint = dataDirOf(nearest, sources.env)
  const fileName = sources.configFile ?? sources.env['FREEHOLD_CONFIG']
  const file =
    fileName === undefined ? readFile(join(dataDirHint, 'config.json'), false) : readFile(fileName, true)
  const origin = (name: SettingName): Origin => {
    const field = settingFields.find(candidate => candidate.name === name)!
    if (name in flags) return { shownAs: field.flag, isFlag: true }
    const inFile = `"${name}" in ${fileName ?? join(dataDirHint, 'config.json')}`
    return { shownAs: name in env ? field.variable : inFile, isFlag: false }
  }

  const parsed = settingsSchema.safeParse({ ...file, ...nearest })
  if (!parsed.success) throw settingError(parsed.error.issues[0]!, origin)
  const settings = parsed.data
  const { electionMs, heartbeatMs } = settings
  if (electionMs < 3 * heartbeatMs) {
    const given = [origin('electionMs'), origin('heartbeatMs')].find(({ isFlag }) => isFlag)
    const problem = `The election time (${electionMs} ms) must be at least three times the time between heartbeats (${heartbeatMs} ms): change --election-ms or --heartbeat-ms.`
    throw given === undefined ? badConfiguration('bad-config', problem) : badUsage('bad-config', problem)
  }
  const dataDir = resolve(settings.dataDir ?? dataDirOf(settings, sources.env))
  return { ...settings, dataDir, genesis: resolve(settings.genesis ?? join(dataDir, 'genesis.json')) }
}

/** The data directory that the XDG base directory specification gives a network. */
export function defaultDataDir(network: string, env: SettingSources['env']): string {
  const home = env['XDG_DATA_HOME']
  // The specification: a relative path there is invalid and ignored.
  const base =
    home !== undefined && isAbsolute(home) ? home : join(env['HOME'] ?? homedir(), '.local', 'share')
  return join(base, 'freehold', network)
}

function dataDirOf(settings: RawSettings, env: SettingSources['env']): string {
  const { dataDir, network } = settings
  if (typeof dataDir === 'string') return dataDir
  // A bad name is reported with all the rest; here it only must not become a path.
  return defaultDataDir(networkName.safeParse(network).data ?? 'local', env)
}

function fromEnvironment(env: SettingSources['env']): RawSettings {
  const known = new Set([...settingFields.map(field => field.variable), 'FREEHOLD_CONFIG'])
  const unknown = Object.keys(env).find(name => name.startsWith('FREEHOLD_') && !known.has(name))
  if (unknown !== undefined) {
    throw badConfiguration(
      'bad-config',
      `${unknown} is not a setting; see freehold start --help for all of them.`,
    )
  }
  const entries = settingFields.map(field => [field.name, env[field.variable]] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''))
}

function parseTexts(given: RawSettings, originOf: (field: SettingField) => Origin): RawSettings {
  const parsed: RawSettings = {}
  for (const field of settingFields) {
    const value = given[field.name]
    if (value !== undefined)
      parsed[field.name] = typeof value === 'string' ? parseText(field, value, originOf(field)) : value
  }
  return parsed
}

function parseText(field: SettingField, text: string, origin: Origin): unknown {
  if (field.kind === 'list') return text.split(',').map(part => part.trim())
  if (field.kind === 'text') return text
  if (field.kind === 'number') {
    if (/^-?\d{1,15}$/.test(text)) return Number(text)
    throw badValue(origin, ` is "${text}": it must be a whole number`)
  }
  if (['true', '1', 'yes', 'on'].includes(text)) return true
  if (['false', '0', 'no', 'off'].includes(text)) return false
  throw badValue(origin, ` is "${text}": it must be true or false`)
}

function readFile(path: string, mustExist: boolean): RawSettings {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!mustExist && (code === 'ENOENT' || code === 'ENOTDIR')) return {}
    throw badConfiguration('bad-config', `The configuration file ${path} cannot be read (${code}).`)
  }
  if (text.length > MAX_FILE_BYTES) {
    throw badConfiguration(
      'bad-config',
      `The configuration file ${path} is larger than ${MAX_FILE_BYTES} bytes.`,
    )
  }
  return parseFile(path, text)
}

function parseFile(path: string, text: string): RawSettings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw badConfiguration(
      'bad-config',
      `The configuration file ${path} is not JSON: ${(error as Error).message}.`,
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as RawSettings
  throw badConfiguration('bad-config', `The configuration file ${path} must hold one JSON object.`)
}

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
}

function settingError(issue: Issue, origin: (name: SettingName) => Origin): SetupError {
  if (issue.code === 'unrecognized_keys') {
    const [key] = (issue as unknown as { keys: string[] }).keys
    return badConfiguration(
      'bad-config',
      `"${key}" in the configuration file is not a setting; is it misspelt?`,
    )
  }
  const item = issue.path.length > 1 ? ` (item ${Number(issue.path[1]) + 1})` : ''
  return badValue(origin(issue.path[0] as SettingName), `${item}: it ${issue.message}`)
}

function badValue({ shownAs, isFlag }: Origin, problem: string): SetupError {
  const message = `${shownAs}${problem}.`
  return isFlag ? badUsage('bad-config', message) : badConfiguration('bad-config', message)
}
