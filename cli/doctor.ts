import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { plainLine } from '../client/protocol/plain-text.ts'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { bundleText, logTail } from '../daemon/doctor/bundle.ts'
import { examine, type Finding, type NodeFacts } from '../daemon/doctor/findings.ts'
import { measureMachine } from '../daemon/doctor/machine.ts'
import type { AuthorityView, PeerView, StatusView } from '../daemon/http/view.ts'
import { version } from '../daemon/version.ts'
import { type NodeApi, nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { print, say, WIDTH, wrapped } from './output.ts'
import { configOf } from './settings-options.ts'

const indent = 15

type DoctorOptions = ReadCommandOptions & { readonly bundle?: string; readonly log?: string }

export function doctorCommand(): Command {
  return readCommand('doctor', 'what is wrong with a node and its machine, and what to do')
    .option('--bundle <FILE>', 'also write what somebody who helps needs to know, without secrets')
    .option('--log <FILE>', "the node's log, whose end goes into the bundle")
    .action(doctor)
}

async function doctor(options: DoctorOptions): Promise<void> {
  const { dataDir } = configOf(options)
  const api = apiOf(options)
  const node = api === undefined ? undefined : await factsOf(api)
  const machine = measureMachine(dataDir)
  const findings = examine({ version, machine, node })
  if (options.bundle !== undefined) {
    const settings = api === undefined ? null : await api.json<object>('config')
    const log = options.log === undefined ? null : logTail(options.log)
    const text = bundleText(dataDir, {
      ...{ version, platform: `${process.platform} ${process.arch}`, node: process.version },
      ...{ madeAt: new Date().toISOString(), findings, machine, settings, ...node, log },
    })
    writeFileSync(options.bundle, text, { mode: 0o600 })
    say(`${options.bundle} has it all, without keys and grants; the addresses of nodes are in it.`)
  }
  print({ findings, machine }, options, () => findings.map(lineOf).join('\n'))
  if (findings.some(({ level }) => level === 'bad')) process.exitCode = EXIT.failed
}

/** Undefined when no node runs: then that is what is wrong. */
function apiOf(options: DoctorOptions): NodeApi | undefined {
  try {
    return nodeApi(options)
  } catch (error) {
    if (error instanceof SetupError && error.exitCode === EXIT.unreachable) return undefined
    throw error
  }
}

async function factsOf(api: NodeApi): Promise<NodeFacts> {
  const [status, peers, authorities] = await Promise.all([
    api.json<StatusView>('status'),
    api.list<PeerView>('peers'),
    api.list<AuthorityView>('authorities'),
  ])
  return { status, peers, authorities }
}

function lineOf({ about, level, what, advice }: Finding): string {
  const head = `${level.toUpperCase().padEnd(5)} ${about.padEnd(8)} `
  const sentences = advice === '' ? what : `${what}\n→ ${advice}`
  const lines = sentences.split('\n').flatMap(sentence => wrapped(plainLine(sentence), WIDTH - indent))
  return lines.map((line, i) => `${i === 0 ? head : ' '.repeat(indent)}${line}`).join('\n')
}
