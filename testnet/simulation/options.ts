import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type FaultsFor, faultNames, namesFor, VOTING_FAULT_NAMES } from './authorities/faults/list.ts'
import type { SimulationPlan } from './authorities/run.ts'
import { BUGS, bugNamed } from './bugs/catalogue.ts'
import { LINKS, type LinkName } from './link.ts'

export interface SimOptions {
  /** Of the first seed. */
  readonly plan: SimulationPlan
  /** One for each seed. They differ in nothing else, but that of random ones every third has members that vote. */
  readonly plans: readonly SimulationPlan[]
  /** Processes that run seeds at the same time. */
  readonly jobs: number
  /** Where the story of the one seed goes. */
  readonly story: string | undefined
  readonly json: boolean
  readonly quiet: boolean
}

const LEAST_AND_DEFAULT = {
  seed: [1, 1],
  seeds: [1, 1],
  nodes: [1, 5],
  seconds: [1, 30],
  clients: [1, 8],
  groups: [1, 3],
  jobs: [1, 1],
} as const

type Count = keyof typeof LEAST_AND_DEFAULT

const VOTING_EVERY = 3

/** Seeds are 32 bits wide. */
const MAX_SEED = 2 ** 32 - 1

/** @throws an Error with one sentence about the first argument that is wrong */
export function simOptions(args: readonly string[]): SimOptions {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: text,
      seeds: text,
      nodes: text,
      seconds: text,
      clients: text,
      groups: text,
      jobs: text,
      faults: { type: 'string', default: 'all' },
      link: text,
      bug: text,
      story: text,
      random: flag,
      votes: flag,
      crossing: flag,
      directory: flag,
      json: flag,
      quiet: flag,
    },
  })
  const whole = (name: Count): number => wholeNumber(name, values[name])
  const seeds = whole('seeds')
  if (values.random && values.seed !== undefined)
    throw new Error('--random draws the first seed: --seed goes without it.')
  if (values.story !== undefined && seeds > 1)
    throw new Error('--story tells of one seed: --seeds goes without it.')
  const seed = values.random ? randomInt(1, MAX_SEED - seeds) : whole('seed')
  const plan = {
    seed,
    nodes: whole('nodes'),
    groups: whole('groups'),
    seconds: whole('seconds'),
    clients: whole('clients'),
    faults: faultNames(values.faults, kindOf(values)),
    ...(values.votes && { votes: true }),
    ...(values.crossing && { votes: true, crossing: true }),
    ...(values.directory && { votes: true, directory: true }),
    link: linkName(values.link),
    bug: plantedBug(values.bug),
  }
  const { json, quiet, story } = values
  const isMixed = values.random && values.faults === 'all' && values.bug === undefined
  const plans = Array.from({ length: seeds }, (_, i): SimulationPlan => {
    const next = { ...plan, seed: plan.seed + i }
    return isMixed && i % VOTING_EVERY === VOTING_EVERY - 1 ? withVotes(next) : next
  })
  return { plan, plans, jobs: Math.min(whole('jobs'), seeds), story, json, quiet }
}

function withVotes(plan: SimulationPlan): SimulationPlan {
  return { ...plan, votes: true, faults: VOTING_FAULT_NAMES }
}

/** The one command that runs this seed, and nothing else, again. */
export function commandOf({
  seed,
  nodes,
  groups,
  seconds,
  clients,
  faults,
  link,
  bug,
  votes,
  crossing,
  directory,
}: SimulationPlan): string {
  const isAll = namesFor({ votes, directory }).every(name => faults.includes(name))
  const chosen = isAll ? '' : ` --faults ${faults.join(',') || 'none'}`
  const linked = link === undefined ? '' : ` --link ${link}`
  const planted = bug === undefined ? '' : ` --bug ${bug}`
  return `npm run sim -- --seed ${seed} --nodes ${nodes} --groups ${groups} --seconds ${seconds} --clients ${clients}${chosen}${linked}${planted}${crossing ? ' --crossing' : votes ? ' --votes' : ''}${directory ? ' --directory' : ''}`
}

function kindOf({ votes, crossing, directory }: FaultsFor & { readonly crossing: boolean }): FaultsFor {
  return { votes: votes || crossing, directory }
}

function wholeNumber(name: Count, given: string | undefined): number {
  const [least, fallback] = LEAST_AND_DEFAULT[name]
  const value = given === undefined ? fallback : Number(given)
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_SEED) return value
  throw new Error(`--${name} must be a whole number, at least ${least}.`)
}

function linkName(name: string | undefined): LinkName | undefined {
  if (name === undefined || Object.hasOwn(LINKS, name)) return name as LinkName | undefined
  throw new Error(`There is no link ${name}: choose from ${Object.keys(LINKS).join(', ')}.`)
}

function plantedBug(name: string | undefined): string | undefined {
  if (name === undefined || bugNamed(name) !== undefined) return name
  throw new Error(`There is no planted bug ${name}: choose from ${BUGS.map(bug => bug.name).join(', ')}.`)
}
