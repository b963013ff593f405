import type { Command } from 'commander'
import type { AuthorityView } from '../daemon/http/view.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { print, short, table } from './output.ts'

export function authoritiesCommand(): Command {
  return readCommand('authorities', 'who leads and holds each authority, and how far its log is').action(show)
}

async function show(options: ReadCommandOptions): Promise<void> {
  const authorities = await nodeApi(options).list<AuthorityView>('authorities')
  const header = ['NAME', 'LEADER', 'MEMBERS', 'EPOCH', 'LEAVES', 'SEALED', 'FINAL', 'ENTITIES', 'STATE ROOT']
  print({ authorities }, options, () => table(header, authorities.map(authorityRow)))
}

function authorityRow(authority: AuthorityView): (string | number)[] {
  const members = authority.members.map(member => member.number).join(',')
  const here = authority.hosted
    ? [...sizesOf(authority), authority.entities, short(authority.stateRoot)]
    : ['-', '-', '-', '-', '-']
  return [authority.name, authority.leader || 'none', members, regimeOf(authority), ...here]
}

/** The epoch of the members, and Raft's term in it. */
function regimeOf({ epoch, term }: AuthorityView): string {
  return `${epoch}/${term}`
}

/** Leaves that are committed, those under the last seal, and those that are final. */
function sizesOf({ size, sealedSize, finalSize }: AuthorityView): number[] {
  return [size, sealedSize, finalSize]
}
