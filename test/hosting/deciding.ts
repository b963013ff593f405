import assert from 'node:assert/strict'
import type { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'

/** Every player is answered, and the members of this group decide. */
export async function assertProgress(realm: SimRealm, group: number, limitMs: number): Promise<void> {
  const { judge } = realm
  const before = realm.players.map(player => player.answered)
  const height = judge.views.decidedHeight(group)
  const progressed = (): boolean =>
    realm.players.every((player, i) => player.answered > before[i]! + 2) &&
    judge.views.decidedHeight(group) > height + 1
  assert.ok(await realm.simulation.runUntil(progressed, limitMs), `no progress:\n${realm.describe()}`)
}
