/** What is wrong with a node, and what to do about it: decided from what was measured, without looking at anything itself. */
import type { AuthorityView, PeerView, StatusView } from '../http/view.ts'
import { isLoopback, isPublic, placeOf } from '../network/addresses.ts'

export type Level = 'ok' | 'warn' | 'bad'

export interface Finding {
  readonly about: 'node' | 'reach' | 'peers' | 'clock' | 'disk' | 'load' | 'version' | 'areas'
  readonly level: Level
  /** One sentence. */
  readonly what: string
  /** What to do; empty where nothing is wrong. */
  readonly advice: string
}

/** Of the machine and the disk. */
export interface MachineFacts {
  readonly dataDir: string
  readonly freeBytes: number
  readonly syncMedianMs: number
  readonly syncWorstMs: number
  readonly cores: number
  /** Processes that want a core, over the last minute. */
  readonly load: number
  readonly memoryBytes: number
  readonly freeMemoryBytes: number
}

/** Of a running node. */
export interface NodeFacts {
  readonly status: StatusView
  readonly peers: readonly PeerView[]
  readonly authorities: readonly AuthorityView[]
}

export interface Facts {
  readonly version: string
  readonly machine: MachineFacts
  /** Undefined while none runs. */
  readonly node: NodeFacts | undefined
}

const gibibyte = 2 ** 30
const disk = { badBytes: gibibyte, warnBytes: 10 * gibibyte, warnSyncMs: 20, badSyncMs: 100 }
const clock = { warnMs: 2_000, badMs: 60_000 }
const loadPerCore = 1.5
const freeMemoryShare = 0.05
/** Of what it is given. */
const usedUp = 0.9
const plainNames = { cpu: 'processor time', memory: 'memory', disk: 'disk', bandwidth: 'bandwidth' }

export function examine({ version, machine, node }: Facts): Finding[] {
  const about = node === undefined ? [notRunning(machine)] : ofNode(node, version)
  return [...about, ...ofDisk(machine), ...ofLoad(machine)]
}

function ofNode(node: NodeFacts, version: string): Finding[] {
  const { status } = node
  return [
    ok('node', `Node ${status.number} of ${status.network} runs, version ${status.version}.`),
    ...ofReach(node),
    ...ofPeers(node),
    ofClock(status),
    ofVersions(node, version),
    ofShares(status),
    ...ofAreas(node),
  ]
}

function notRunning({ dataDir }: MachineFacts): Finding {
  const advice =
    'Start it (freehold start), or name its folder with --data-dir; the rest is about this machine.'
  return bad('node', `No node runs on ${dataDir}.`, advice)
}

function ofReach({ status, peers }: NodeFacts): Finding[] {
  const { verdict, confirmed, relayed, portsDiffer, observed, mapped } = status.reach
  const port = status.listen.map(address => placeOf(address)?.port).find(each => each !== undefined)
  if (status.listen.every(isLoopback)) {
    const advice = `Let it listen on all of the machine's addresses: --listen /ip4/0.0.0.0/tcp/${port ?? 7777}`
    const what = 'It listens on this machine only, so that nobody elsewhere can dial it.'
    const isAlone = peers.every(peer => isLoopback(peer.address))
    return [isAlone ? ok('reach', what) : warn('reach', what, advice)]
  }
  const mapping = mapped.length > 0 ? [ok('reach', `The router maps ${mapped.join(', ')} to it (UPnP).`)] : []
  if (verdict === 'public') return [ok('reach', `Others can dial it at ${confirmed.join(', ')}.`), ...mapping]
  if (verdict === 'unknown') {
    const isInside = peers.length > 0 && !peers.some(peer => isPublic(peer.address))
    const what = isInside
      ? 'It is on a network of its own, where nobody needs a router.'
      : 'It does not know yet whether others can dial it.'
    return [isInside || peers.length > 0 ? ok('reach', what) : warn('reach', what, 'Look again in a minute.')]
  }
  const forward = `Have the router forward TCP port ${port ?? 7777} to this machine, outside the same as inside, or turn UPnP on there.`
  const sees = observed.length > 0 ? ` Others see it at ${observed.slice(0, 2).join(', ')}.` : ''
  const findings =
    relayed.length > 0
      ? [warn('reach', `Others reach it by way of ${count(relayed.length, 'relay')} only.${sees}`, forward)]
      : [bad('reach', `Nobody can dial it, and no relay has a place for it.${sees}`, forward)]
  if (portsDiffer === true) {
    const what = 'The router gives each connection another port: no direct connection comes about through it.'
    findings.push(warn('reach', what, 'Only a forwarded port helps; a mobile or company network has none.'))
  }
  return [...findings, ...mapping]
}

function ofPeers({ status, peers }: NodeFacts): Finding[] {
  if (peers.length === 0) {
    const advice =
      'Is the internet there, and does a firewall let outgoing TCP through? A node that is alone in its network has none.'
    return [warn('peers', 'It is connected to no other node.', advice)]
  }
  const relayed = peers.filter(peer => peer.relayed).length
  const served = status.reach.served > 0 ? `, and relays for ${count(status.reach.served, 'node')}` : ''
  return [
    ok('peers', `It is connected to ${count(peers.length, 'node')}, ${relayed} of them by a relay${served}.`),
  ]
}

function ofClock({ clockBehindMs }: StatusView): Finding {
  if (clockBehindMs === null) return ok('clock', 'Too few others are heard to compare its clock with.')
  const off = Math.abs(clockBehindMs)
  const way = clockBehindMs > 0 ? 'behind' : 'ahead of'
  if (off < clock.warnMs) return ok('clock', `Its clock agrees with the others' to ${Math.round(off)} ms.`)
  const what = `Its clock is ${Math.round(off / 1000)} s ${way} the others'.`
  const advice = 'Have the system set its clock: timedatectl set-ntp true (Linux), or the date settings.'
  return off < clock.badMs ? warn('clock', what, advice) : bad('clock', what, advice)
}

function ofVersions({ status, peers }: NodeFacts, version: string): Finding {
  const newer = peers.filter(peer => isNewer(peer.version, status.version))
  if (newer.length > 0) {
    const newest = newer
      .map(peer => peer.version)
      .sort(byVersion)
      .at(-1)!
    const what = `${count(newer.length, 'node')} of ${peers.length} run a newer version, up to ${newest}.`
    return warn('version', what, 'Update this one: install it anew, then restart the node.')
  }
  if (version !== status.version) {
    const what = `The node runs version ${status.version}, this program is ${version}.`
    return warn('version', what, 'Restart the node: freehold stop, freehold start.')
  }
  return ok('version', `No node that it sees runs a newer version than ${version}.`)
}

/** What it is given, and what it uses up of that. */
function ofShares({ resources }: StatusView): Finding {
  if (resources === null) return ok('load', 'What it uses has not been measured yet.')
  const names = ['cpu', 'memory', 'disk', 'bandwidth'] as const
  const shares = names.map(name => ({ name, share: resources[name].used / resources[name].given }))
  const percents = shares.map(({ name, share }) => `${Math.round(100 * share)} % of its ${plainNames[name]}`)
  const what = `It uses ${percents.join(', ')}.`
  const scarce = shares.filter(({ share }) => share > usedUp).map(({ name }) => `--max-${name}`)
  if (scarce.length === 0) return ok('load', what)
  const advice = `It gets no more to hold. Give it more: ${scarce.join(', ')}, or room on the machine.`
  return warn('load', what, advice)
}

function ofAreas({ authorities }: NodeFacts): Finding[] {
  const hosted = authorities.filter(each => each.hosted)
  const waiting = hosted.filter(each => each.rejoining !== null).map(each => each.name)
  const leaderless = hosted.filter(each => each.leader === 0).map(each => each.name)
  const dropped = hosted.filter(each => Object.values(each.queues).some(queue => queue.dropped > 0))
  const findings: Finding[] = []
  if (waiting.length > 0) {
    const advice = 'It goes by itself once the others answer; freehold status says for whom it waits.'
    findings.push(warn('areas', `It takes part anew in ${some(waiting)}.`, advice))
  }
  if (leaderless.length > 0) {
    const advice = 'More than half of the members have to be up: freehold status shows who is away.'
    findings.push(bad('areas', `Nobody leads ${some(leaderless)}.`, advice))
  }
  if (dropped.length > 0) {
    const what = `It had more to do than it can in ${some(dropped.map(each => each.name))}, and dropped some.`
    findings.push(warn('areas', what, 'Players send again by themselves. Give the machine less else to do.'))
  }
  return findings.length > 0
    ? findings
    : [ok('areas', `It holds ${count(hosted.length, 'area')}; all go on.`)]
}

function ofDisk({ dataDir, freeBytes, syncMedianMs, syncWorstMs }: MachineFacts): Finding[] {
  const space = `${(freeBytes / gibibyte).toFixed(1)} GiB are free in ${dataDir}.`
  const advice = 'Free some; --keep-bodies 30d keeps less. A node whose disk is full ends.'
  const spaceFinding =
    freeBytes >= disk.warnBytes
      ? ok('disk', space)
      : freeBytes >= disk.badBytes
        ? warn('disk', space, advice)
        : bad('disk', space, advice)
  const sync = `A sync takes ${syncMedianMs.toFixed(1)} ms, at worst ${syncWorstMs.toFixed(1)} ms.`
  const slow = 'Every commit waits for it: move the data directory to an SSD of this machine.'
  const syncFinding =
    syncMedianMs < disk.warnSyncMs
      ? ok('disk', sync)
      : syncMedianMs < disk.badSyncMs
        ? warn('disk', sync, slow)
        : bad('disk', sync, slow)
  return [spaceFinding, syncFinding]
}

function ofLoad({ cores, load, memoryBytes, freeMemoryBytes }: MachineFacts): Finding[] {
  const cpu = `${load.toFixed(1)} processes want ${count(cores, 'core')}.`
  const memory = `${(freeMemoryBytes / gibibyte).toFixed(1)} of ${(memoryBytes / gibibyte).toFixed(1)} GiB memory are free.`
  return [
    load <= loadPerCore * cores
      ? ok('load', cpu)
      : warn('load', cpu, 'End other programs, or the node will be late for its areas.'),
    freeMemoryBytes >= freeMemoryShare * memoryBytes
      ? ok('load', memory)
      : warn('load', memory, 'End other programs: a node that is swapped out is late for its areas.'),
  ]
}

function ok(about: Finding['about'], what: string): Finding {
  return { about, level: 'ok', what, advice: '' }
}

function warn(about: Finding['about'], what: string, advice: string): Finding {
  return { about, level: 'warn', what, advice }
}

function bad(about: Finding['about'], what: string, advice: string): Finding {
  return { about, level: 'bad', what, advice }
}

function count(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? '' : 's'}`
}

function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
}

/** What is no version is not newer than any. */
function isNewer(theirs: string, ours: string): boolean {
  return byVersion(theirs, ours) > 0
}

function byVersion(a: string, b: string): number {
  const numbers = (text: string) => (/^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number)
  const [left, right] = [numbers(a), numbers(b)]
  if (left.length === 0 || right.length === 0) return 0
  return left.map((n, i) => n - right[i]!).find(difference => difference !== 0) ?? 0
}
