import { Command } from 'commander'
import { retryAfterMs } from '../client/sdk/node-source.ts'
import type { SettingName } from '../daemon/config/schema.ts'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { readRunFile } from '../daemon/identity/run-file.ts'
import type { ReadOptions } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

const TIMEOUT_MS = 10_000
const RETRIES = 20

export type ReadCommandOptions = ReadOptions & Record<string, unknown> & { readonly url?: string }

/** A command that reads from a running node: the one at --url, or the one that runs on the data directory. */
export function readCommand(
  name: string,
  description: string,
  settings: readonly SettingName[] = ['network', 'dataDir'],
): Command {
  const command = new Command(name)
    .description(description)
    .option('--url <URL>', "root of a node's HTTP API (default: the node of the data directory)")
    .option('--json', 'print one line of JSON')
  return addSettings(command, settings)
}

export class NodeApi {
  readonly root: string

  constructor(root: string) {
    this.root = root.replace(/\/+$/, '')
  }

  async json<T>(path: string): Promise<T> {
    return (await (await this.#get(`api/v1/${path}`)).json()) as T
  }

  /** Undefined where the node says that there is nothing. */
  async bytes(path: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await (await this.#get(path)).arrayBuffer())
    } catch (error) {
      if (error instanceof SetupError && error.code === 'not-found') return undefined
      throw error
    }
  }

  async #get(path: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#fetch(`${this.root}/${path}`)
      if (response.ok) return response
      if (response.status !== 429 || attempt === RETRIES) throw await refusalOf(response)
      await new Promise(resolve => setTimeout(resolve, retryAfterMs(response)))
    }
  }

  async #fetch(url: string): Promise<Response> {
    try {
      return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    } catch (error) {
      const { cause, message } = error as Error
      const inner = cause as NodeJS.ErrnoException | undefined
      const reason = inner?.code ?? inner?.message ?? message
      throw new SetupError('unreachable', `No node answers at ${this.root} (${reason}).`, EXIT.unreachable)
    }
  }
}

async function refusalOf(response: Response): Promise<SetupError> {
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { code: string; message: string } }
    | undefined
  const message = body?.error?.message ?? `The node answered ${response.status}.`
  return new SetupError(response.status === 404 ? 'not-found' : (body?.error?.code ?? 'refused'), message)
}

/** Exit 2 for a URL that is none, 69 when no node runs there. */
export function nodeApi(options: ReadCommandOptions): NodeApi {
  if (options.url !== undefined) {
    if (URL.canParse(options.url) && /^https?:/.test(options.url)) return new NodeApi(options.url)
    throw new SetupError(
      'usage',
      `--url is "${options.url}": it must look like http://127.0.0.1:7302.`,
      EXIT.usage,
    )
  }
  const { dataDir } = configOf(options)
  const running = readRunFile(dataDirFiles(dataDir).run)
  if (running !== undefined) return new NodeApi(running.httpUrl)
  throw new SetupError(
    'unreachable',
    `No node runs on ${dataDir}: start it (freehold start), or name another with --url or --data-dir.`,
    EXIT.unreachable,
  )
}
