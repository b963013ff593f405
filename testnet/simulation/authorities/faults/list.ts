import { CLIENT_FAULTS } from './client.ts'
import { CLOCK_FAULTS } from './clock.ts'
import { DIRECTORY_FAULTS } from './directory.ts'
import { DISK_FAULTS } from './disk.ts'
import { ELECTION_FAULTS } from './election.ts'
import type { Fault } from './fault.ts'
import { FORGING_FAULTS } from './forging.ts'
import { MEMBERSHIP_FAULTS } from './membership.ts'
import { NETWORK_FAULTS } from './network.ts'
import { PROCESS_FAULTS } from './process.ts'
import { USURPING_FAULTS } from './usurping.ts'
import { VIEW_FAULTS } from './views.ts'

/** In the order in which they are mended: a process is started last, on a disk and a clock that are as they should be. */
const BY_NAME = {
  ...NETWORK_FAULTS,
  ...CLIENT_FAULTS,
  ...MEMBERSHIP_FAULTS,
  ...CLOCK_FAULTS,
  ...DISK_FAULTS,
  ...ELECTION_FAULTS,
  ...PROCESS_FAULTS,
}

export type FaultName =
  | keyof typeof BY_NAME
  | keyof typeof VIEW_FAULTS
  | keyof typeof FORGING_FAULTS
  | keyof typeof USURPING_FAULTS
  | keyof typeof DIRECTORY_FAULTS

const VOTING = { ...VIEW_FAULTS, ...FORGING_FAULTS, ...USURPING_FAULTS, ...BY_NAME }

export const FAULTS: Readonly<Record<FaultName, Fault>> = { ...VOTING, ...DIRECTORY_FAULTS }
/** Where nobody votes. */
export const FAULT_NAMES = Object.keys(BY_NAME) as FaultName[]

export const VOTING_FAULT_NAMES = Object.keys(VOTING) as FaultName[]

/** There the directory's rules alone say who becomes a member, and what its log takes long for is late. */
const NOT_OF_DIRECTORIES: readonly FaultName[] = ['membership', 'late-anchors']
export const DIRECTORY_FAULT_NAMES: readonly FaultName[] = [
  ...VOTING_FAULT_NAMES.filter(name => !NOT_OF_DIRECTORIES.includes(name)),
  ...(Object.keys(DIRECTORY_FAULTS) as FaultName[]),
]

export interface FaultsFor {
  readonly votes?: boolean | undefined
  readonly directory?: boolean | undefined
}

export function namesFor({ votes, directory }: FaultsFor): readonly FaultName[] {
  if (directory) return DIRECTORY_FAULT_NAMES
  return votes ? VOTING_FAULT_NAMES : FAULT_NAMES
}

/** From `all`, `none`, or names with commas between them. @throws an Error with the names that there are */
export function faultNames(list: string, where: FaultsFor = {}): readonly FaultName[] {
  const all = namesFor(where)
  if (list === 'all') return all
  if (list === 'none') return []
  const names = list.split(',').map(name => name.trim())
  const unknown = names.find(name => !(all as string[]).includes(name))
  if (unknown === undefined) return names as FaultName[]
  throw new Error(`There is no fault ${unknown}: choose from ${all.join(', ')}, or say all or none.`)
}
