import type { LedLoad } from '../../world/directory/codec/input.ts'
import { MAX_GATEWAYS } from '../../world/directory/limits.ts'
import type { AuthorityHost } from '../hosting/authority-host.ts'

interface Counted {
  readonly actions: number
  readonly atMs: number
}

/**
 * How much goes on in the areas that this node leads. Inputs are counted for the whole area, and shared out to its quarters
 * by where those stand who are awake: they are who acts.
 */
export class LedLoads {
  readonly #counted = new Map<number, Counted>()

  /** @param led by group, ascending */
  take(led: readonly AuthorityHost[], nowMs: number): LedLoad[] {
    const groups = new Set(led.map(({ authority }) => authority.identity.group))
    for (const group of this.#counted.keys()) if (!groups.has(group)) this.#counted.delete(group)
    return led.flatMap(host => {
      const { area, group, actions } = host.authority.replica
      if (area === undefined) return []
      const before = this.#counted.get(group)
      this.#counted.set(group, { actions, atMs: nowMs })
      // A replica that was restored counts from where it was restored.
      const more = before && Math.max(0, actions - before.actions)
      const perSecond = more && (1000 * more) / Math.max(1, nowMs - before.atMs)
      const awake = area.awakeByQuarter()
      const all = Math.max(1, area.awakeCount)
      const inputs = awake.map(count => Math.round(((perSecond ?? 0) * count) / all))
      const gateways = host.gateways().slice(0, MAX_GATEWAYS)
      const [players, up] = [area.characterCount, area.awakeCount]
      return [{ group, players, awake: up, inputs: asQuarters(inputs), gateways }]
    })
  }
}

function asQuarters(values: readonly number[]): LedLoad['inputs'] {
  return [values[0]!, values[1]!, values[2]!, values[3]!]
}
