import { resolve } from 'node:path'
import { Command } from 'commander'
import type { LeafSummary } from '../daemon/http/leaves.ts'
import type { AuthorityView } from '../daemon/http/view.ts'
import { withGrant } from './grant-file.ts'
import { exportLog } from './log-export.ts'
import { logProveCommand } from './log-prove.ts'
import { logWitnessCommand } from './log-witness.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { wholeNumber } from './numbers.ts'
import { print, say, short, table } from './output.ts'
import { endWithWord } from './signals.ts'

const SHOWN = 20

type ShowOptions = ReadCommandOptions & { readonly from?: number; readonly limit: number }

export function logCommand(): Command {
  const command = new Command('log').description("show, prove and export an authority's log")
  command.addCommand(
    withGrant(readCommand('show', 'leaves of a log: what is public of each record'))
      .argument('<AUTHORITY>', 'as area/0000')
      .option('--from <LEAF>', `first leaf (default: the last ${SHOWN})`, wholeNumber(0))
      .option('--limit <N>', 'how many', wholeNumber(1, 1000), SHOWN)
      .action(show),
  )
  command.addCommand(logProveCommand())
  command.addCommand(
    withGrant(readCommand('export', 'copy a log to a folder that can be audited without the node'))
      .argument('<AUTHORITY>', 'as area/0000')
      .argument('<DIR>', 'folder to write to')
      .action(exportTo),
  )
  command.addCommand(logWitnessCommand())
  return command
}

async function show(authority: string, options: ShowOptions): Promise<void> {
  const api = nodeApi(options)
  const page = (from: number) =>
    api.json<{ size: number; leaves: LeafSummary[] }>(
      `leaves?${new URLSearchParams({ authority, from: String(from), limit: String(options.limit) })}`,
    )
  const first = await page(options.from ?? 0)
  const last = Math.max(0, first.size - options.limit)
  const answer = options.from === undefined && last > 0 ? await page(last) : first
  print(answer, options, () => table(['LEAF', 'KIND', 'RULES', 'BODY', 'HASH'], answer.leaves.map(leafRow)))
}

function leafRow(leaf: LeafSummary): (string | number)[] {
  const hidden = leaf.dropped ? 'dropped' : 'withheld'
  const size = leaf.bodyBytes === null ? hidden : `${leaf.bodyBytes} B`
  return [leaf.index, leaf.kindName, leaf.rulesVersion, size, short(leaf.bodyHash)]
}

async function exportTo(authority: string, dir: string, options: ReadCommandOptions): Promise<void> {
  const api = nodeApi(options)
  endWithWord(
    () => `what was copied so far is in ${dir}, and no whole log yet; the same command again completes it.`,
  )
  const authorities = await api.list<AuthorityView>('authorities')
  const origin = authorities.find(it => it.name === authority || it.origin === authority)?.origin ?? authority
  const exported = await exportLog(api, origin, resolve(dir))
  if (!exported.bodies)
    say('The authority does not disclose its bodies: signatures and hashes can be audited, the rules not.')
  if (exported.droppedBundles > 0)
    say(
      exported.snapshots.length > 0
        ? 'The node has dropped old bodies: the rules can be audited from the state on that was copied instead.'
        : 'The node has dropped old bodies: ask a member that keeps all, so that the rules can be audited too.',
    )
  print(exported, options, () => `${exported.size} leaves of ${exported.origin} are in ${exported.dir}`)
}
