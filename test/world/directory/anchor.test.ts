import assert from 'node:assert/strict'
import { sealHash } from '../../../consensus/finality/seal.ts'
import { createDirectory } from '../../../world/directory/directory.ts'
import { order } from '../../../world/directory/rules/orders.ts'
import {
  certificateOf,
  charterOf,
  hexEntries,
  host,
  NETWORK,
  type SealChanges,
  Stage,
  sealOf,
  votersOf,
} from './support.ts'

const anchorOf = (...certificates: Uint8Array[]) => ({ kind: 'anchor', certificates }) as const
const members = [1, 2, 3]

/** What became of one certificate of the area. */
function tryOne(stage: Stage, changes: SealChanges, ...rest: unknown[]) {
  const [of = members, how = {}] = rest as [number[]?, Parameters<typeof certificateOf>[2]?]
  return stage.ask(4, anchorOf(certificateOf(sealOf(changes), of, how))).code
}

const anchored = (stage: Stage) => stage.directory.state.anchors.get(1)?.anchor

describe('anchoring', () => {
  it('keeps what the members have decided, whoever brings it', () => {
    const stage = new Stage().open(4)
    const seal = sealOf({ height: 3 })
    const outcome = stage.ask(4, anchorOf(certificateOf(seal, members)))
    assert.deepEqual([outcome.code, outcome.value], ['ok', 1])
    const expected = { epoch: 1, view: 0, height: 3, hash: sealHash(seal), size: 30, root: seal.root }
    assert.deepEqual(anchored(stage), expected)
  })

  it('takes many at once, and says how many', () => {
    const stage = new Stage().open(4)
    const [one, two] = [
      sealOf({ height: 1 }),
      sealOf({ height: 2, previous: sealHash(sealOf({ height: 1 })) }),
    ]
    const outcome = stage.ask(4, anchorOf(...[one, two].map(seal => certificateOf(seal, members))))
    assert.deepEqual([outcome.code, outcome.value, anchored(stage)!.height], ['ok', 2, 2])
  })

  it('wants a quorum of the members of that epoch: not fewer, not others, and no vote twice', () => {
    const stage = new Stage().open(4)
    assert.equal(tryOne(stage, {}, members, { signers: [1] }), 'bad-certificate')
    assert.equal(tryOne(stage, {}, members, { signers: [1, 4] }), 'bad-certificate')
    assert.equal(tryOne(stage, {}, members, { signers: [1, 2, 3] }), 'bad-certificate')
    const wrong = certificateOf(sealOf(), members)
    wrong[wrong.length - 1]! ^= 1
    assert.equal(stage.ask(4, anchorOf(wrong)).code, 'bad-certificate')
    assert.equal(stage.ask(4, anchorOf(new Uint8Array(300))).code, 'bad-certificate')
    assert.equal(anchored(stage), undefined)
    assert.equal(tryOne(stage, {}), 'ok')
  })

  it('costs the one who brings a false certificate its trust', () => {
    const stage = new Stage().open(4)
    tryOne(stage, {}, members, { signers: [1] })
    assert.equal(stage.directory.state.presence(4).invalidProposals, 1)
  })

  it('goes no further than the first false certificate: each costs a verification of many signatures', () => {
    let verified = 0
    const verifyCertificate: typeof host.verifyCertificate = (...of) => {
      verified++
      return host.verifyCertificate(...of)
    }
    const stage = new Stage(createDirectory({ ...host, verifyCertificate }, charterOf())).open(4)
    const bad = certificateOf(sealOf({ height: 3 }), members, { signers: [1] })
    const certificates = [certificateOf(sealOf({ height: 1 }), members), bad, bad, bad]
    const outcome = stage.ask(4, anchorOf(...certificates))
    assert.deepEqual([outcome.code, outcome.value, verified], ['ok', 1, 2])
    assert.equal(stage.directory.state.presence(4).invalidProposals, 1)
  })

  it('only goes up: neither an older height, nor the same once more, nor a lower view', () => {
    const stage = new Stage().open(4)
    assert.equal(tryOne(stage, { height: 5 }, members, { view: 2 }), 'ok')
    const before = anchored(stage)
    assert.equal(tryOne(stage, { height: 4 }, members, { view: 3 }), 'older-anchor')
    assert.equal(tryOne(stage, { height: 5 }, members, { view: 2 }), 'older-anchor')
    assert.equal(tryOne(stage, { height: 6 }, members, { view: 1 }), 'rival-anchor')
    assert.equal(tryOne(stage, { height: 7, size: 50 }, members, { view: 2 }), 'rival-anchor')
    assert.deepEqual(anchored(stage), before)
  })

  it('keeps one certificate of a height, whatever else its members have signed', () => {
    const stage = new Stage().open(4)
    assert.equal(tryOne(stage, { height: 5 }), 'ok')
    assert.equal(tryOne(stage, { height: 5, size: 51 }, members, { view: 1 }), 'rival-anchor')
    assert.equal(tryOne(stage, { height: 6, previous: new Uint8Array(32).fill(9) }), 'rival-anchor')
    assert.equal(tryOne(stage, { height: 6, previous: sealHash(sealOf({ height: 5 })) }), 'ok')
  })

  it('knows no authority that it has not', () => {
    const stage = new Stage().open(4)
    assert.equal(tryOne(stage, { origin: `${NETWORK}/area/0231/1` }), 'unknown-authority')
  })

  it('of the directory itself takes only what changes its members', () => {
    const stage = new Stage().open(4)
    const origin = `${NETWORK}/directory/0`
    assert.equal(tryOne(stage, { origin }, [1, 2, 3, 4]), 'no-effect')
    const { state } = stage.directory
    order(state, state.authorities.get(2)!, { voters: [2, 3, 4], learners: [], before: [1] })
    assert.equal(tryOne(stage, { origin, nextMembers: votersOf(2, 3, 4) }, [1, 2, 3, 4]), 'ok')
    assert.deepEqual(state.authorities.get(2)!.members, votersOf(2, 3, 4))
  })
})

describe('the members of an authority', () => {
  const ordered = () => {
    const stage = new Stage().open(1, 4)
    const { state } = stage.directory
    order(state, state.authorities.get(1)!, { voters: [4, 2, 3], learners: [], before: [1, 2, 3] })
    return { stage, authority: state.authorities.get(1)! }
  }

  it('change by a certificate of the old ones that names those who were ordered', () => {
    const { stage, authority } = ordered()
    assert.equal(tryOne(stage, { height: 2, nextMembers: votersOf(2, 3, 4) }), 'ok')
    assert.equal(authority.epoch, 2)
    assert.deepEqual(authority.members, votersOf(2, 3, 4))
    assert.deepEqual(authority.leading, [4, 2, 3], 'the one who is to lead comes first')
  })

  it('cannot name others, nor the right ones with other keys', () => {
    const { stage, authority } = ordered()
    assert.equal(tryOne(stage, { height: 2, nextMembers: votersOf(1, 2) }), 'not-ordered')
    const otherKey = [...votersOf(2, 3), { node: 4, key: votersOf(1)[0]!.key }]
    assert.equal(tryOne(stage, { height: 2, nextMembers: otherKey }), 'not-ordered')
    assert.equal(authority.epoch, 1)
    assert.equal(anchored(stage), undefined)
  })

  it('decide nothing more in an epoch that has ended, and nothing in one that has not begun', () => {
    const { stage } = ordered()
    const ending = { height: 2, nextMembers: votersOf(2, 3, 4) }
    const previous = sealHash(sealOf(ending))
    assert.equal(tryOne(stage, { epoch: 2, height: 3, previous }, [2, 3, 4]), 'epoch-ahead')
    assert.equal(tryOne(stage, ending), 'ok')
    assert.equal(tryOne(stage, ending), 'older-anchor')
    const before = hexEntries(stage.directory).filter(entry => entry.startsWith('68'))
    assert.equal(tryOne(stage, { height: 3, previous }), 'ended-epoch')
    assert.equal(tryOne(stage, { height: 9 }, members, { view: 5 }), 'ended-epoch')
    assert.deepEqual(
      hexEntries(stage.directory).filter(entry => entry.startsWith('68')),
      before,
    )
    assert.equal(tryOne(stage, { epoch: 2, height: 3, previous }, [1, 2, 3]), 'bad-certificate')
    assert.equal(tryOne(stage, { epoch: 2, height: 3, previous }, [2, 3, 4]), 'ok')
  })

  it('may still be those of an order that was replaced meanwhile', () => {
    const { stage, authority } = ordered()
    order(stage.directory.state, authority, { voters: [1, 2, 4], learners: [], before: [1, 2, 3] })
    assert.equal(tryOne(stage, { height: 2, nextMembers: votersOf(2, 3, 4) }), 'ok')
    assert.equal(
      tryOne(
        stage,
        {
          epoch: 2,
          height: 3,
          nextMembers: votersOf(1, 2, 4),
          previous: sealHash(sealOf({ height: 2, nextMembers: votersOf(2, 3, 4) })),
        },
        [2, 3, 4],
      ),
      'ok',
    )
    assert.deepEqual(authority.members, votersOf(1, 2, 4))
    assert.equal(authority.orders.length, 1)
  })

  it('may still be those of an order after which another one was given again and again', () => {
    const { stage, authority } = ordered()
    for (let times = 0; times < 8; times++)
      order(stage.directory.state, authority, { voters: [4, 1, 2], learners: [], before: [1, 2, 3] })
    assert.equal(tryOne(stage, { height: 2, nextMembers: votersOf(2, 3, 4) }), 'ok')
    assert.deepEqual(authority.members, votersOf(2, 3, 4))
  })
})
