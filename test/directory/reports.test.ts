import assert from 'node:assert/strict'
import { LedLoads } from '../../daemon/directory/led-loads.ts'
import { type OwnFacts, Reports } from '../../daemon/directory/reports.ts'
import type { AuthorityHost } from '../../daemon/hosting/authority-host.ts'
import { decodeDirectoryInput } from '../../world/directory/codec/input.ts'
import { Stage } from '../world/directory/support.ts'

const resources = { cpu: 4000, memory: 16_000, disk: 100_000, bandwidth: 0 }
const area = { group: 1, players: 20, awake: 10, inputs: [8, 0, 0, 4], gateways: [1] } as const
const facts: OwnFacts = {
  ...{ version: '1.0.0', incarnation: 1, capacity: resources, addresses: ['/ip4/10.0.0.1/tcp/7777'] },
  load: { cpu: 100, memory: 50, disk: 400, bandwidth: 0 },
  roundTrips: [{ node: 2, ms: 40 }],
  led: [area],
}

function reported(): Reports {
  const reports = new Reports()
  reports.said(reports.next(facts, 0)!)
  return reports
}

describe('what a node reports', () => {
  it('is everything at first, and nothing while nothing changes', () => {
    const reports = new Reports()
    const first = reports.next(facts, 0)!
    assert.deepEqual(first, facts)
    reports.said(first)
    for (let nowMs = 0; nowMs < 60_000; nowMs += 100) assert.equal(reports.next(facts, nowMs), undefined)
  })

  it('is only what has changed', () => {
    const reports = reported()
    const other = { ...area, group: 4 }
    const changed = reports.next({ ...facts, version: '1.0.1', led: [area, other] }, 5_000)!
    assert.equal(changed.version, '1.0.1')
    assert.deepEqual(changed.led, [other])
    assert.deepEqual([changed.load, changed.capacity, changed.roundTrips], [undefined, undefined, undefined])
  })

  it('passes over what moves a little all the time, and tells when that has come far', () => {
    const reports = reported()
    for (let step = 1; step <= 10; step++) {
      const load = { ...facts.load, cpu: 100 + 5 * step }
      assert.equal(reports.next({ ...facts, load }, 5_000 * step), undefined)
    }
    const far = { ...facts.load, cpu: 155 }
    assert.deepEqual(reports.next({ ...facts, load: far }, 60_000), { ...noFacts, load: far })
    assert.equal(reports.next({ ...facts, roundTrips: [{ node: 2, ms: 47 }] }, 70_000), undefined)
    assert.ok(reports.next({ ...facts, roundTrips: [{ node: 3, ms: 40 }] }, 80_000))
    assert.ok(reports.next({ ...facts, led: [{ ...area, awake: 0 }] }, 90_000), 'the last one left')
  })

  it('comes every two seconds at most, and again until it stands in the log', () => {
    const reports = reported()
    const news = { ...facts, version: '2.0.0' }
    assert.ok(reports.next(news, 2_000))
    assert.equal(reports.next(news, 3_999), undefined)
    assert.ok(reports.next(news, 4_000))
  })

  it('is as much as an input holds, and of all areas in turn', () => {
    const reports = new Reports()
    const led = Array.from({ length: 256 }, (_, i) => {
      return { ...area, group: 0xffff_0000 + i, gateways: [1, 2, 3, 4, 5, 6, 7, 8] }
    })
    const most: OwnFacts = {
      ...{ ...facts, led, version: '9'.repeat(32) },
      addresses: Array.from({ length: 16 }, (_, i) => `/dns4/${i}`.padEnd(255, 'a')),
      roundTrips: Array.from({ length: 16 }, (_, i) => ({ node: 2 + i, ms: 40 })),
    }
    const told = new Set<number>()
    const stage = new Stage().open(1)
    for (let step = 0; step < 12; step++) {
      // The first ones move all the time.
      const moving = most.led.map((each, i) => (i < 60 ? { ...each, players: 20 + 100 * step } : each))
      const report = reports.next({ ...most, led: moving }, 5_000 * step)
      if (report === undefined) continue
      const body = stage.bodyOf(1, { kind: 'report', facts: report })
      assert.equal('code' in decodeDirectoryInput(body), false, `${body.length} bytes`)
      reports.said(report)
      for (const { group } of report.led ?? []) told.add(group)
    }
    assert.equal(told.size, 256)
  })

  it('counts no inputs backwards where a replica was restored to less', () => {
    const loads = new LedLoads()
    const led = (actions: number): AuthorityHost[] => {
      const counts = { awakeByQuarter: () => [1, 0, 0, 0], awakeCount: 1, characterCount: 1 }
      const authority = { identity: { group: 1 }, replica: { group: 1, actions, area: counts } }
      return [{ authority, gateways: () => [] } as unknown as AuthorityHost]
    }
    loads.take(led(1_000), 0)
    assert.deepEqual(loads.take(led(400), 2_000)[0]?.inputs, [0, 0, 0, 0])
    assert.deepEqual(loads.take(led(500), 4_000)[0]?.inputs, [50, 0, 0, 0])
  })
})

const noFacts = {
  ...{ version: undefined, incarnation: undefined, capacity: undefined, load: undefined },
  ...{ roundTrips: undefined, addresses: undefined, led: undefined },
}
