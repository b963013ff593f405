import { startAnew } from '../store-error.ts'

/** What is stored of a log can't be read as one. */
export class DamagedLogError extends Error {
  readonly code = 'damaged-log'
  readonly group: number
  readonly leaf: number

  constructor(group: number, leaf: number, what: string) {
    super(`The stored log of group ${group} is damaged at leaf ${leaf} (${what}): ${startAnew}.`)
    this.name = 'DamagedLogError'
    this.group = group
    this.leaf = leaf
  }
}
