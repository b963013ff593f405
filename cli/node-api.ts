import { Command } from 'commander'
import type { ClientError } from '../client/sdk/errors.ts'
import { askNode, type NodeQuestion } from '../client/sdk/node-source.ts'
import type { SettingName } from '../daemon/config/schema.ts'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { readRunFile } from '../daemon/identity/run-file.ts'
import { grantOf } from './grant-file.ts'
import type { ReadOptions } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

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

/** What a node answers, with exit codes: 69 where nobody does. */
export class NodeApi {
  readonly root: string
  readonly #grant: string | undefined

  /** @param grant shown with every question */
  constructor(root: string, grant?: string) {
    this.root = root.replace(/\/+$/, '')
    this.#grant = grant
  }

  async json<T extends object>(path: string): Promise<T> {
    return await this.#object<T>(path, {})
  }

  /** Brings something to the node. */
  async post<T extends object>(path: string, text: string): Promise<T> {
    return await this.#object<T>(path, { post: text })
  }

  async #object<T extends object>(path: string, question: NodeQuestion): Promise<T> {
    const asked = { grant: this.#grant, ...question }
    const bytes = await askNode(this.root, `api/v1/${path}`, asked).catch(asExit)
    try {
      return asObject(JSON.parse(new TextDecoder().decode(bytes))) as T
    } catch {
      throw new SetupError('no-node', `${this.root} is no node: its answer is not the JSON of one.`)
    }
  }

  /** `GET /api/v1/<name>`, which is `{<name>: [...]}`. */
  async list<T>(name: string): Promise<T[]> {
    const list = (await this.json<Record<string, unknown>>(name))[name]
    if (Array.isArray(list)) return list as T[]
    throw new SetupError('no-node', `${this.root} is no node: its answer has no ${name}.`)
  }

  /** Undefined where the node says that there is nothing. */
  async bytes(path: string): Promise<Uint8Array | undefined> {
    return await askNode(this.root, path, { grant: this.#grant }).catch((error: ClientError) =>
      error.facts['status'] === 404 ? undefined : asExit(error),
    )
  }
}

function asObject(value: unknown): object {
  if (typeof value === 'object' && value !== null) return value
  throw new TypeError('no object')
}

function asExit({ code, message }: ClientError): never {
  throw new SetupError(code, message, code === 'unreachable' ? EXIT.unreachable : EXIT.failed)
}

/** Exit 2 for a URL that is none, 69 when no node runs there. */
export function nodeApi(options: ReadCommandOptions): NodeApi {
  if (options.url !== undefined) {
    if (URL.canParse(options.url) && /^https?:/.test(options.url))
      return new NodeApi(options.url, grantOf(options))
    throw new SetupError(
      'usage',
      `--url is "${options.url}": it must look like http://127.0.0.1:7302.`,
      EXIT.usage,
    )
  }
  const { dataDir } = configOf(options)
  const running = readRunFile(dataDirFiles(dataDir).run)
  if (running !== undefined) return new NodeApi(running.httpUrl, grantOf(options))
  throw new SetupError(
    'unreachable',
    `No node runs on ${dataDir}: start it (freehold start), or name another with --url or --data-dir.`,
    EXIT.unreachable,
  )
}
