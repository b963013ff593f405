import type { Command } from 'commander'
import type { DirectoryStatusView, NodeStandingView, OrderView } from '../daemon/http/directory-view.ts'
import { quorumOf } from '../daemon/operators/quorum.ts'
import { directoryOf } from './network-give.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { duration, facts, print, table } from './output.ts'

const MAX_SHOWN_DARK = 10

export function networkStatusCommand(): Command {
  return readCommand('status', 'the network as its directory has it').action(status)
}

async function status(options: ReadCommandOptions): Promise<void> {
  const directory = await directoryOf(nodeApi(options))
  print(directory, options, () => textOf(directory, Date.now()))
}

function textOf(directory: DirectoryStatusView, nowMs: number): string {
  const { orders, nodes, network, epoch, coordinator, vice, authorities, size } = directory
  const parts = [
    facts([
      ['network', network],
      ['directory', `epoch ${epoch}, ${size.toLocaleString('en')} records, ${authorities} authorities`],
      [
        'coordinator',
        `${coordinator === 0 ? 'none' : `node ${coordinator}`}, ${vice === 0 ? 'no vice' : `vice node ${vice}`}`,
      ],
      ['world block', blockText(directory, nowMs)],
      ['policy', policyText(directory)],
      ['operators', operatorsText(directory)],
      ['recovery', recoveryText(directory)],
      ['orders', ordersText(directory)],
      ...darkLines(directory),
    ]),
    table(['NODE', 'OPERATOR', 'STATUS', 'LEASE', 'TRUST', 'LEADS', 'HOLDS'], nodes.map(nodeRow)),
  ]
  if (orders.length > 0)
    parts.push(table(['ORDER', 'AUTHORITY', 'MEMBERS', 'SHALL BE', 'FOR'], orders.map(orderRow)))
  return parts.join('\n\n')
}

function blockText({ block }: DirectoryStatusView, nowMs: number): string {
  if (block === null) return 'none yet'
  const { number, timeMs, certificates, records } = block
  const age = `${duration(Math.max(0, nowMs - timeMs))} ago`
  return `${number.toLocaleString('en')}, ${age}: ${certificates} certificates over ${records.toLocaleString('en')} records`
}

function policyText({ policy }: DirectoryStatusView): string {
  const { admission, replicas, observers, trustS } = policy
  const who = admission === 'open' ? 'any node brings nodes in' : 'operators admit nodes'
  return `${who}; ${replicas} replicas, ${observers} observers; trust in ${duration(trustS * 1000)}`
}

function operatorsText({ operators }: DirectoryStatusView): string {
  const names = operators.map(({ name }) => name).join(', ')
  return operators.length === 1 ? names : `${names} (${quorumOf(operators.length)} of them sign)`
}

function recoveryText({ recovery: { keys, threshold } }: DirectoryStatusView): string {
  return `${threshold} of ${keys.length} keys`
}

function ordersText({ orderCount, orders }: DirectoryStatusView): string {
  if (orderCount === 0) return 'none pending'
  return `${orderCount} pending${orderCount > orders.length ? `, the first ${orders.length} below` : ', below'}`
}

function darkLines({ dark, darkCount }: DirectoryStatusView): [string, string][] {
  const lines = dark.slice(0, MAX_SHOWN_DARK).map(({ name, holders }): [string, string] => {
    const who = holders.length === 0 ? 'nobody has it' : `node ${holders.join(', ')} has it`
    return ['dark', `${name}: ${who}`]
  })
  return darkCount > lines.length ? [...lines, ['dark', `and ${darkCount - lines.length} more`]] : lines
}

function nodeRow(node: NodeStandingView): (string | number)[] {
  const { number, operator, status, leaseMs, trust, led, held, names } = node
  const shown = held === 0 ? '-' : `${held}: ${names.join(' ')}`
  return [number, operator, status, leaseMs === null ? '-' : duration(leaseMs), trust, led, shown]
}

function orderRow({ number, name, members, voters, learners, forMs }: OrderView): (string | number)[] {
  const shall = learners.length === 0 ? voters.join(',') : `${voters.join(',')} + ${learners.join(',')}`
  return [number, name, members.join(','), shall, duration(forMs)]
}
