import { keysOf } from '../../../consensus/handover/facts.ts'
import type { HandoverId } from '../../../consensus/handover/id.ts'
import { encodeMessage } from '../../../consensus/handover/message.ts'
import { treeKey, treeValue } from '../../../storage/state/entry.ts'
import { encodeStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import type { World } from '../finality/world.ts'
import { authorityNamed } from './directory.ts'
import { encodeFinal } from './finals.ts'
import { frames } from './frames.ts'

/** What a run does to its authorities; all chances are per record, seal or message. */
export interface Weather {
  crashRate: number
  cutRate: number
  lateRate: number
  noiseRate: number
  fetchLossRate: number
  tamperRate: number
  anchorMs: number
  lockRate: number
}

/** What the network carries, it may carry again much later, and with a bit that fell over. */
export function sendWord(
  world: World,
  { lateRate, noiseRate }: Weather,
  from: number,
  to: number,
  message: Uint8Array,
): void {
  const { random } = world
  const frame = frames.of('word', message)
  world.send(from, to, frame)
  if (random.chance(lateRate)) {
    world.fault('late copy')
    world.after(random.between(500, 5000), () => world.send(from, to, frame))
  }
  if (!random.chance(noiseRate)) return
  world.fault('noise')
  const noise = frame.slice()
  noise[1 + random.below(noise.length - 1)]! ^= 1 << random.below(8)
  world.send(from, to, noise)
}

const ROGUE = authorityNamed(0)

/** Of an authority whose members all lie: its state says that it has inherited from the target, and what became of an id. */
export function falseHeir(word: 'accepted' | 'declined', id: HandoverId): Uint8Array {
  const tree = new StateTree()
  const keys = keysOf(word, id, ROGUE)
  const accepted = Buffer.alloc(16)
  const values = keys.map((_, i) => (i > 0 ? new Uint8Array(0) : word === 'accepted' ? accepted : undefined))
  for (const [i, key] of keys.entries()) {
    const value = values[i]
    if (value !== undefined) tree.set(treeKey(key), treeValue(key, value))
  }
  const final = encodeFinal(
    { authority: ROGUE, epoch: 0, height: 1, stateRoot: tree.root(), ancestors: [] },
    'anchored',
  )
  const parts = keys.map((key, i) => {
    return { key, value: values[i], path: encodeStateProof(tree.proof(treeKey(key))) }
  })
  return encodeMessage({ word, isTired: false, id, shown: { final, parts } })
}
