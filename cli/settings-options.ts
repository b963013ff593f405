import { type Command, Option } from 'commander'
import {
  type RawSettings,
  type SettingField,
  type SettingName,
  settingFields,
} from '../daemon/config/schema.ts'
import { loadConfig, type NodeConfig } from '../daemon/config/settings.ts'

type Parsed = Record<string, unknown> & { readonly config?: string }

/** Gives a command a flag for each of these settings (all when none are named), made from the schema. */
export function addSettings(command: Command, names?: readonly SettingName[]): Command {
  const fields = settingFields.filter(field => names === undefined || names.includes(field.name))
  for (const field of fields) for (const option of optionsOf(field)) command.addOption(option)
  return command.addOption(
    new Option('--config <FILE>', 'configuration file (default: config.json in the data directory)'),
  )
}

function optionsOf(field: SettingField): Option[] {
  const shown = Array.isArray(field.defaultValue) ? field.defaultValue.join(',') : field.defaultValue
  const suffix = shown === undefined ? '' : ` (default: ${shown})`
  if (field.kind !== 'boolean')
    return [new Option(`${field.flag} <${field.valueName}>`, field.description + suffix)]
  const negated = field.flag.replace(/^--/, '--no-')
  return [
    new Option(field.flag, field.description + suffix),
    new Option(negated, `do not ${field.description.split(';')[0]}`),
  ]
}

/** The settings that a command runs with: its flags, the environment, the file, the defaults. */
export function configOf(options: Parsed): NodeConfig {
  const flags: RawSettings = {}
  for (const { name } of settingFields) if (options[name] !== undefined) flags[name] = options[name]
  return loadConfig({ flags, env: process.env, configFile: options.config })
}
