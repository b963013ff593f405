import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { plainText } from '../client/protocol/plain-text.ts'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { evidenceId } from '../daemon/evidence/book.ts'
import { isForNodes } from '../daemon/evidence/judge.ts'
import type { EvidenceView } from '../daemon/http/view.ts'
import { dataDirFiles } from '../daemon/identity/data-dir.ts'
import { writeFileDurably } from '../daemon/identity/durable-file.ts'
import { asSetupError } from './audit-errors.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { duration, print, type ReadOptions, table } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'
import { certificatesOption } from './verify.ts'
import { verifyHint } from './verify-hint.ts'

export function evidenceCommand(): Command {
  const command = new Command('evidence').description('proof that somebody lied: what a node has of it')
  command.addCommand(readCommand('list', 'what a node keeps, the latest first').action(list), {
    isDefault: true,
  })
  command.addCommand(
    readCommand('get', 'one piece as a file, which freehold verify accepts alone', [
      'network',
      'dataDir',
      'genesis',
    ])
      .argument('<ID>', 'as the list has it, or its beginning')
      .argument('[FILE]', 'where it goes (default: shown)')
      .action(get),
  )
  command.addCommand(
    addSettings(
      new Command('add')
        .description('give a piece to the node of the data directory, which tells the others')
        .argument('<FILE>', 'as a witness, a monitor or anybody has written it')
        .option(...certificatesOption)
        .option('--json', 'print one line of JSON'),
      ['network', 'dataDir', 'genesis'],
    ).action(add),
  )
  return command
}

async function list(options: ReadCommandOptions): Promise<void> {
  const evidence = (await allOf(options)).reverse()
  print({ evidence }, options, () => {
    if (evidence.length === 0) return 'Nobody is known to have lied.'
    return table(['ID', 'PROVES', 'NODE', 'FOR', 'AT', 'LOG'], evidence.map(rowOf))
  })
}

async function allOf(options: ReadCommandOptions): Promise<EvidenceView[]> {
  return await nodeApi(options).list<EvidenceView>('evidence')
}

function rowOf({ id, kind, accused, signers, keptAtMs, place, origin }: EvidenceView): (string | number)[] {
  // Where nobody signed both sides, it is one of those who signed either.
  const nodes = accused.length > 0 ? accused.join(',') : `${signers.join('|')}?`
  return [id, kind, nodes, duration(Math.max(0, Date.now() - keptAtMs)), place, origin]
}

async function get(id: string, file: string | undefined, options: ReadCommandOptions): Promise<void> {
  const found = (await allOf(options)).filter(it => it.id.startsWith(id))
  if (found.length !== 1)
    throw new SetupError(
      'not-found',
      found.length === 0
        ? `This node has no evidence ${id}.`
        : `${found.length} pieces begin with ${id}: say more of it.`,
    )
  const [evidence] = found
  const bytes = await nodeApi(options).bytes(`api/v1/evidence?id=${evidence!.id}`)
  const text = Buffer.from(bytes ?? []).toString()
  if (file === undefined) {
    if (options.json) print({ ...evidence, file: text }, options, () => '')
    else process.stdout.write(plainText(text))
    return
  }
  if (existsSync(file)) throw new SetupError('file-exists', `${file} is there already.`)
  writeFileSync(file, text)
  print({ ...evidence, path: file }, options, () => `Verify it: ${verifyHint(file, options)}`)
}

async function add(
  file: string,
  options: ReadOptions & Record<string, unknown> & { readonly certificates?: string },
): Promise<void> {
  const config = configOf(options)
  const { verifyFile } = await import('../audit/verify-file.ts')
  const verdict = await verifyFile({
    file,
    genesis: config.genesis,
    certificates: options.certificates,
  }).catch(asSetupError)
  if (!verdict.ok || verdict.kind !== 'evidence')
    throw new SetupError('no-evidence', `${file} proves no lie: ${verdict.message}`, EXIT.verificationFailed)
  const text = readFileSync(file, 'utf8')
  if (!isForNodes(text))
    throw new SetupError(
      'not-told',
      `${file} proves a lie, but nodes tell each other of two faces and of votes only: hand the file on as it is.`,
    )
  const id = evidenceId(text)
  const path = join(dataDirFiles(config.dataDir).evidence, `${id}.evidence`)
  if (!existsSync(path)) writeFileDurably(path, text)
  print({ id, path }, options, () => `${path}\nA running node takes it and tells the others.`)
}
