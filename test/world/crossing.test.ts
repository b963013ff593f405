import assert from 'node:assert/strict'
import fc from 'fast-check'
import { idOf } from '../../world/area.ts'
import { decodePlayer, encodePlayer } from '../../world/codec/state.ts'
import {
  type Action,
  decodeEntity,
  decodeEvent,
  type EntityView,
  encodeEntity,
  encodeInput,
  encodeTick,
  inputSignatureMessage,
  logTagOf,
  positionAt,
} from '../../world/codec.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../world/interface.ts'
import {
  type AreaCharter,
  type Cargo,
  createWorld,
  type Estate,
  restoreWorld,
  type World,
} from '../../world/world.ts'

import { charterOf, fakeSignature, hexEntries, host, playerKey, sessionOf, sha256 } from './support.ts'

const sideMm = 120_000
const numbered = (number: number): Uint8Array => {
  const session = Buffer.alloc(16)
  session.writeUIntBE(number, 2, 6)
  return session
}
const names = ['testnet/area/0230/0', 'testnet/area/0231/0'] as const
const hashes = names.map(name => Buffer.from(sha256(Buffer.from(name))).toString('hex'))

function charter(index: number): AreaCharter {
  const xMm = index * sideMm
  const spawns = [{ xMm: xMm + sideMm / 2, yMm: sideMm / 2 }]
  return charterOf({ xMm, yMm: 0, sideMm, spawns, resourceCount: 12, npcCount: 3, borders: 'open' })
}

/** Two areas side by side; locks are kept by hand here, as handover keeps them in each area's state. */
class Pair {
  readonly worlds: World[] = []
  readonly estates: Estate[] = []
  readonly locks = [new Map<string, Cargo>(), new Map<string, Cargo>()]
  readonly leaves = [1, 1]
  readonly seqs = new Map<number, number>()
  /** In which area each player has opened its session. */
  readonly homes = new Map<number, number>()

  constructor() {
    for (const at of [0, 1]) this.worlds.push(createWorld(this.#host(at), charter(at)))
  }

  #host(at: number) {
    return {
      ...host,
      origin: names[at]!,
      handover: (estate: Estate) => {
        this.estates[at] = estate
        const { locks } = this
        return {
          apply: () => undefined,
          takeChanges: () => [],
          entries: () => [],
          restore: () => false,
          restored: () => {
            for (const [entity, cargo] of locks[at]!) estate.locked(entity, cargo)
          },
        }
      },
    }
  }

  restore(at: number): void {
    this.worlds[at] = restoreWorld(this.#host(at), charter(at), [...this.worlds[at]!.entries()])
  }

  send(player: number, action: Action, at = this.whereIs(player) ?? 0) {
    const home = this.homes.get(player) ?? at
    const seq = (this.seqs.get(player) ?? 0) + 1
    const head = {
      player: playerKey(player),
      session: sessionOf(player),
      seq,
      log: logTagOf(names[home]!, sha256),
    }
    const signature = fakeSignature(head.player, inputSignatureMessage(names[home]!, { ...head, action }))
    const world = this.worlds[at]!
    const applied = world.apply(INPUT_RECORD, encodeInput({ ...head, action, signature }), this.leaves[at]!++)
    if (world.lastSeq(head.player, head.session) !== seq) return applied
    this.seqs.set(player, seq)
    this.homes.set(player, home)
    return applied
  }

  pass(ticks: number): void {
    const tick = Math.max(...this.worlds.map(world => world.tick)) + ticks
    this.worlds.forEach((world, at) => {
      world.apply(TICK_RECORD, encodeTick({ tick, timeMs: tick * 100 }), this.leaves[at]!++)
    })
  }

  whereIs(player: number): number | undefined {
    const at = this.worlds.findIndex(world => world.characterOf(playerKey(player)) !== undefined)
    return at < 0 ? undefined : at
  }

  character(player: number): EntityView {
    const world = this.worlds[this.whereIs(player)!]!
    return world.entity(world.characterOf(playerKey(player))!)!
  }

  /** All who wait at a border are locked. */
  lockAll(at: number): string[] {
    return [...this.worlds[at]!.wishes()].map(({ entity }) => {
      this.locks[at]!.set(entity, this.estates[at]!.take(entity)!)
      return entity
    })
  }

  /** What is locked goes over where the other side takes it, and back where not. */
  resolve(at: number): void {
    const other = 1 - at
    for (const [entity, cargo] of this.locks[at]!) {
      this.locks[at]!.delete(entity)
      if (this.estates[other]!.admits(entity, cargo)) {
        this.estates[other]!.put(entity, cargo)
        this.estates[at]!.left(entity, cargo, hashes[other]!)
      } else this.estates[at]!.put(entity, cargo)
    }
  }

  /** From its place straight to the border between the two. */
  walkOver(player: number): void {
    const from = this.whereIs(player)!
    this.send(player, { kind: 'move', vxMmPerTick: from === 0 ? 700 : -700, vyMmPerTick: 0 })
    this.pass(100)
  }
}

const move = (vxMmPerTick: number, vyMmPerTick = 0): Action => ({ kind: 'move', vxMmPerTick, vyMmPerTick })

describe('a character at an open border', () => {
  it('waits there with its course, is locked with its session, and goes on with both on the other side', () => {
    const pair = new Pair()
    const id = pair.send(1, { kind: 'spawn', name: 'walker' }).outcome!.entity!
    pair.walkOver(1)
    const { motion } = pair.character(1)
    assert.ok(motion.untilTick === motion.sinceTick && motion.vxMmPerTick === 700)
    assert.deepEqual(positionAt(motion, pair.worlds[0]!.tick), { xMm: motion.xMm, yMm: motion.yMm })
    assert.deepEqual(pair.lockAll(0), [id])
    assert.equal(pair.send(1, move(0)).outcome!.code, 'crossing')
    pair.resolve(0)
    assert.equal(pair.whereIs(1), 1)
    assert.equal(pair.character(1).id, id)
    assert.ok(
      pair.character(1).motion.xMm - motion.xMm === 700 && pair.character(1).motion.vxMmPerTick === 700,
    )
    assert.equal(pair.send(1, move(0)).outcome!.code, 'ok')
    assert.equal(pair.send(1, move(5), 0).outcome!.code, 'moved')
    assert.deepEqual(Buffer.from(pair.worlds[0]!.forwardOf(playerKey(1))!).toString('hex'), hashes[1])
  })

  it('stands still where nobody touches, and turns round when it is told to', () => {
    const pair = new Pair()
    pair.send(1, { kind: 'spawn', name: 'walker' })
    pair.send(1, move(-700))
    pair.pass(200)
    assert.deepEqual([...pair.worlds[0]!.wishes()].length, 1)
    assert.equal(pair.send(1, move(-300, 10)).outcome!.code, 'ok')
    pair.lockAll(0)
    pair.resolve(0)
    assert.equal(pair.whereIs(1), 0, 'no other area is there')
    pair.send(1, move(700))
    pair.pass(1)
    assert.deepEqual([...pair.worlds[0]!.wishes()], [])
  })

  it('is applied once: what was applied before it left is a duplicate where it has come to', () => {
    const pair = new Pair()
    pair.send(1, { kind: 'spawn', name: 'walker' })
    pair.walkOver(1)
    pair.lockAll(0)
    pair.resolve(0)
    pair.seqs.set(1, 1)
    const again = pair.send(1, move(700))
    assert.equal(again.outcome!.code, 'duplicate')
    assert.equal(pair.worlds[1]!.lastSeq(playerKey(1), sessionOf(1)), 2)
    assert.equal(
      pair.worlds[1]!.outcomeOf(playerKey(1), sessionOf(1), 2),
      undefined,
      'its leaf is another log’s',
    )
  })

  it('takes its signature along: what is permanent is signed for the log in which the session was opened', () => {
    const pair = new Pair()
    pair.send(1, { kind: 'spawn', name: 'walker' })
    pair.walkOver(1)
    pair.lockAll(0)
    pair.resolve(0)
    const { xMm, yMm } = positionAt(pair.character(1).motion, pair.worlds[1]!.tick)
    const built = pair.send(1, { kind: 'build', structure: 0, xMm: xMm + 2000, yMm })
    assert.equal(built.outcome!.code, 'not-enough', 'and not for its signature')
  })

  it('stays for as long as it is in a fight', () => {
    const pair = new Pair()
    pair.send(1, { kind: 'spawn', name: 'a' })
    pair.send(2, { kind: 'spawn', name: 'b' })
    for (const player of [1, 2]) pair.send(player, move(700))
    pair.pass(200)
    for (let i = 0; i < 400; i++) {
      const [a, b] = [pair.character(1), pair.character(2)].map(({ motion }) =>
        positionAt(motion, pair.worlds[0]!.tick),
      )
      if (Math.abs(a!.yMm - b!.yMm) < 1000) break
      pair.send(1, move(0, Math.sign(b!.yMm - a!.yMm) * 300))
      pair.pass(1)
    }
    pair.send(1, move(700))
    pair.pass(5)
    const struck = pair.send(1, { kind: 'strike', target: pair.character(2).id })
    assert.equal(struck.outcome!.code, 'ok')
    assert.deepEqual([...pair.worlds[0]!.wishes()], [])
    assert.equal(pair.estates[0]!.take(pair.character(2).id), undefined)
    pair.pass(80)
    assert.equal([...pair.worlds[0]!.wishes()].length, 2)
  })

  it('is not let in with what cannot be: too much, too fast, born of nothing, played by another, from far away', () => {
    const pair = new Pair()
    const id = pair.send(1, { kind: 'spawn', name: 'walker' }).outcome!.entity!
    pair.walkOver(1)
    const cargo = pair.estates[0]!.take(id)!
    const admits = (changed: Cargo): boolean => pair.estates[1]!.admits(id, changed)
    assert.ok(admits(cargo))
    const entity = decodeEntity(cargo.state)!
    const record = decodePlayer(cargo.session)!
    const other = (changes: object): Cargo => ({
      ...cargo,
      state: encodeEntity({ ...entity, ...changes } as EntityView),
    })
    const played = (changes: object): Cargo => ({
      ...cargo,
      session: encodePlayer({ ...record, ...changes }),
    })
    const { motion } = entity
    const wrong = [
      ...[
        other({ items: [51, 0] }),
        other({ health: 0 }),
        other({ awake: false }),
        other({ respawnTick: 9 }),
      ],
      ...[
        other({ birthLeaf: 77 }),
        other({ birthOrigin: 'elsewhere/area/0230/0' }),
        other({ id: '0'.repeat(32) }),
      ],
      other({ motion: { ...motion, vxMmPerTick: 701 } }),
      other({ motion: { ...motion, xMm: motion.xMm - 1000 } }),
      other({ motion: { ...motion, vxMmPerTick: 0 } }),
      other({ motion: { ...motion, xMm: motion.xMm + 700 } }),
      ...[played({ character: '0'.repeat(32) }), played({ lastSeq: 3 }), played({ outcomes: [] })],
      ...[played({ carriedSeq: 9 }), played({ log: 'elsewhere/area/0230/0' }), played({ log: undefined })],
      played({ session: new Uint8Array(16).fill(255) }),
      ...[
        { ...cargo, state: cargo.state.subarray(1) },
        { ...cargo, session: new Uint8Array(0) },
      ],
    ]
    for (const [i, each] of wrong.entries()) assert.equal(admits(each), false, `the ${i}th`)
  })

  it('is not let in by a name that is still to be given here', () => {
    const pair = new Pair()
    const id = pair.send(1, { kind: 'spawn', name: 'walker' }).outcome!.entity!
    pair.walkOver(1)
    const cargo = pair.estates[0]!.take(id)!
    pair.pass(1)
    const at = pair.leaves[1]!
    const bornAt = (birthLeaf: number): boolean => {
      const name = idOf(host, names[1]!, birthLeaf, 0)
      const entity = { ...decodeEntity(cargo.state)!, id: name, birthOrigin: names[1]!, birthLeaf }
      const session = encodePlayer({ ...decodePlayer(cargo.session)!, character: name })
      return pair.estates[1]!.admits(name, { state: encodeEntity(entity as EntityView), session })
    }
    assert.deepEqual([at - 2, at - 1, at, at + 1].map(bornAt), [true, false, false, false])
  })

  it('is not let in a second time, as another’s, while it is on its way out', () => {
    const pair = new Pair()
    const id = pair.send(1, { kind: 'spawn', name: 'walker' }).outcome!.entity!
    pair.walkOver(1)
    pair.lockAll(0)
    const cargo = pair.locks[0]!.get(id)!
    const entity = decodeEntity(cargo.state)!
    const { motion } = entity
    const back = { ...motion, xMm: sideMm + 100, vxMmPerTick: -700, vyMmPerTick: 0 }
    const copy = { ...entity, player: playerKey(2), motion: back } as EntityView
    assert.equal(pair.estates[0]!.admits(id, { ...cargo, state: encodeEntity(copy) }), false)
  })

  it('is not brought back by its old inputs when nobody remembers any more where it went', () => {
    const pair = new Pair()
    pair.send(1, { kind: 'spawn', name: 'walker' })
    pair.walkOver(1)
    const cargo = pair.estates[0]!.take(pair.character(1).id)!
    const entity = decodeEntity(cargo.state)!
    const leave = (player: Uint8Array, number: number): void => {
      const state = encodeEntity({ ...entity, player } as EntityView)
      const session = encodePlayer({ ...decodePlayer(cargo.session)!, session: numbered(number) })
      pair.estates[0]!.left(entity.id, { state, session }, hashes[1]!)
    }
    const others = (count: number, from: number): void => {
      for (let i = 0; i < count; i++) leave(Buffer.from(sha256(Buffer.from(`${from + i}`))), 1)
    }
    const enter = (player: number, number: number): string => {
      const body = { player: playerKey(player), session: numbered(number), seq: 1 }
      const head = { ...body, log: logTagOf(names[0], sha256) }
      const action: Action = { kind: 'spawn', name: 'again' }
      const signature = fakeSignature(head.player, inputSignatureMessage(names[0], { ...head, action }))
      const input = encodeInput({ ...head, action, signature })
      return pair.worlds[0]!.apply(INPUT_RECORD, input, pair.leaves[0]!++).outcome!.code
    }
    leave(playerKey(1), 50)
    const ahead = pair.worlds[0]!.timeMs + 1000
    leave(playerKey(3), ahead)
    others(4094, 0)
    assert.equal(enter(1, 50), 'moved')
    others(1, 5000)
    assert.equal(enter(1, 50), 'session-closed')
    const told = pair.worlds[0]!.takeDirty().find(({ key }) => key.length === 1 && key[0] === 0x66)
    assert.ok(told !== undefined)
    others(100, 6000)
    const before = hexEntries(pair.worlds[0]!)
    pair.restore(0)
    assert.deepEqual(hexEntries(pair.worlds[0]!), before)
    assert.equal(enter(1, 50), 'session-closed')
    assert.equal(enter(3, ahead), 'moved', 'its number would shut out all others')
    assert.equal(enter(1, 51), 'ok')
  })

  it('is told as gone only when it is another’s', () => {
    const pair = new Pair()
    const id = pair.send(1, { kind: 'spawn', name: 'walker' }).outcome!.entity!
    pair.walkOver(1)
    pair.lockAll(0)
    assert.ok(pair.worlds[0]!.entityBytes(id) !== undefined)
    pair.worlds[0]!.apply(0, new Uint8Array(0), 999)
    const cargo = pair.locks[0]!.get(id)!
    pair.estates[0]!.left(id, cargo, hashes[1]!)
    assert.equal(pair.worlds[0]!.entityBytes(id), undefined)
  })
})

describe('whatever players do at a border', function () {
  this.timeout(20_000)
  const steps = fc.array(
    fc.record({
      player: fc.integer({ min: 1, max: 4 }),
      kind: fc.constantFrom(
        'enter',
        'enter',
        'gather',
        'over',
        'over',
        'walk',
        'lock',
        'lock',
        'resolve',
        'resolve',
        'strike',
        'restore',
      ),
      at: fc.integer({ min: 0, max: 1 }),
      vx: fc.integer({ min: -490, max: 490 }),
      vy: fc.integer({ min: -490, max: 490 }),
    }),
    { minLength: 30, maxLength: 60, size: 'max' },
  )

  const heldBy = (entity: EntityView): number[] => ('items' in entity ? [...entity.items] : [0, 0])

  it('each character is in one place, and all that was gathered is still there', () => {
    let crossed = 0
    fc.assert(
      fc.property(steps, all => {
        const pair = new Pair()
        const gathered = [0, 0]
        const note = (events: readonly Uint8Array[]): void => {
          for (const event of events.map(each => decodeEvent(each)!))
            if (event.kind === 'gathered') gathered[event.item]! += event.amount
        }
        for (const { player, kind, at, vx, vy } of all) {
          const where = pair.whereIs(player)
          if (kind === 'enter' && where === undefined)
            pair.send(player, { kind: 'spawn', name: `p${player}` }, at)
          if (kind === 'over' && where !== undefined) pair.walkOver(player)
          if (kind === 'walk') pair.send(player, move(vx, vy))
          if (kind === 'lock') pair.lockAll(at)
          if (kind === 'resolve') {
            crossed += pair.locks[at]!.size
            pair.resolve(at)
          }
          if (kind === 'restore') {
            const before = hexEntries(pair.worlds[at]!)
            pair.restore(at)
            assert.deepEqual(hexEntries(pair.worlds[at]!), before)
          }
          if (kind === 'gather' && where !== undefined) {
            for (const entity of pair.worlds[where]!.entities())
              if (entity.kind === 'resource')
                note(pair.send(player, { kind: 'gather', resource: entity.id }).events)
          }
          pair.pass(7)
          const all = pair.worlds.flatMap(world => [...world.entities()])
          const locked = pair.locks.flatMap(locks =>
            [...locks.values()].map(({ state }) => decodeEntity(state)!),
          )
          const characters = [...all, ...locked].filter(entity => entity.kind === 'character')
          assert.equal(new Set(characters.map(({ id }) => id)).size, characters.length)
          assert.equal(characters.length, pair.homes.size)
        }
        const carried = [0, 0]
        const locked = pair.locks.flatMap(locks =>
          [...locks.values()].map(({ state }) => decodeEntity(state)!),
        )
        const characters = [...pair.worlds.flatMap(world => [...world.entities()]), ...locked].filter(
          entity => entity.kind === 'character',
        )
        for (const entity of characters)
          heldBy(entity).forEach((count, item) => {
            carried[item]! += count
          })
        // Nobody dies here and nobody builds: what NPCs gather is theirs.
        assert.deepEqual(carried, gathered)
      }),
      { numRuns: 50 },
    )
    assert.ok(crossed > 2, `${crossed} crossings`)
  })

  it('what an area tells of its changes makes the state that it is in', () => {
    fc.assert(
      fc.property(steps, all => {
        const pair = new Pair()
        const told = pair.worlds.map(world => new Map(hexOfEntries(world)))
        pair.worlds.forEach(world => void world.takeDirty())
        for (const [i, { player, kind, at }] of all.entries()) {
          if (pair.whereIs(player) === undefined && kind === 'enter')
            pair.send(player, { kind: 'spawn', name: 'p' }, at)
          if (pair.whereIs(player) !== undefined && kind === 'over') pair.walkOver(player)
          if (kind === 'lock') pair.lockAll(at)
          if (kind === 'resolve') pair.resolve(at)
          if (i % 3 !== 0) continue
          pair.worlds.forEach((world, which) => {
            for (const { key, value } of world.takeDirty()) {
              const name = Buffer.from(key).toString('hex')
              if (value === undefined) told[which]!.delete(name)
              else told[which]!.set(name, Buffer.from(value).toString('hex'))
            }
            assert.deepEqual([...told[which]!].sort(), hexOfEntries(world).sort())
          })
        }
      }),
      { numRuns: 25 },
    )
  })
})

const hexOfEntries = (world: World): [string, string][] =>
  [...world.entries()].map(({ key, value }) => [
    Buffer.from(key).toString('hex'),
    Buffer.from(value).toString('hex'),
  ])
