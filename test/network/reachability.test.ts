import assert from 'node:assert/strict'
import { isDialable, isPublic } from '../../daemon/network/addresses.ts'
import { AddressNews } from '../../daemon/network/reach/address-news.ts'
import { DialBack } from '../../daemon/network/reach/dial-back.ts'
import { Reachability } from '../../daemon/network/reach/reachability.ts'
import type { Channel } from '../../daemon/ports.ts'
import { systemClock } from './nodes.ts'

const home = ['/ip4/127.0.0.1/tcp/7777', '/ip4/192.168.1.2/tcp/7777']
const askable = ['a', 'b', 'c', 'd'].map((peer, i) => ({ peer, ip: `5.5.5.${i}` }))

describe('what a node knows of how others reach it', () => {
  it('is nothing on a machine or a network of its own, so that it asks nobody and needs no relay', () => {
    const reach = new Reachability()
    reach.observed('a', '/ip4/192.168.1.7/tcp/20000', 0)
    assert.deepEqual(reach.candidates(home), [])
    assert.equal(reach.next(home, askable, 0), undefined)
    assert.equal(reach.verdict(home, 3_600_000), 'unknown')
  })

  it('is what most of three peers say, each asked once in ten minutes, and none at the same address', () => {
    const reach = new Reachability()
    reach.observed('a', '/ip4/5.5.5.0/tcp/20000', 0)
    const mapped = '/ip4/5.5.5.0/tcp/7777'
    assert.deepEqual(reach.candidates(home), [mapped])
    const asked: string[] = []
    for (let nowMs = 0; nowMs < 20_000; nowMs += 2_000) {
      const ask = reach.next(home, askable, nowMs)
      if (ask === undefined) continue
      asked.push(ask.peer)
      reach.answered(ask.peer, mapped, ask.peer !== 'b', nowMs)
    }
    assert.deepEqual(asked, ['b', 'c', 'd'])
    assert.equal(reach.verdict(home, 20_000), 'public')
    assert.deepEqual(reach.confirmed(home), [mapped])
    for (const peer of ['c', 'd']) {
      assert.notEqual(reach.next(home, askable, 700_000), undefined)
      reach.answered(peer, mapped, false, 700_000)
    }
    assert.equal(reach.verdict(home, 700_000), 'private')
  })

  it('is asked about anew after two minutes where nobody got through, and at once when the router maps a port', () => {
    const reach = new Reachability()
    reach.observed('a', '/ip4/5.5.5.9/tcp/20000', 0)
    const way = '/ip4/5.5.5.9/tcp/7777'
    const only = [askable[1]!]
    assert.deepEqual(reach.next(home, only, 0)?.addresses, [way])
    reach.answered('b', way, false, 0)
    assert.equal(reach.next(home, only, 119_000), undefined)
    assert.deepEqual(reach.next(home, only, 120_000)?.addresses, [way])
    reach.answered('b', way, false, 120_000)
    assert.deepEqual(reach.next([...home, way], only, 181_000)?.addresses, [way])
    reach.answered('b', way, true, 181_000)
    assert.equal(reach.verdict([...home, way], 181_000), 'public')
    assert.equal(reach.next([...home, way], only, 780_000), undefined)
  })

  it('is that nobody reaches it, when it is on the internet and nobody can say', () => {
    const reach = new Reachability()
    reach.observed('a', '/ip4/5.5.5.9/tcp/20000', 0)
    assert.equal(reach.verdict(home, 9_000), 'unknown')
    assert.equal(reach.verdict(home, 10_000), 'private')
    assert.equal(reach.portsDiffer(), undefined)
    reach.observed('b', '/ip4/5.5.5.9/tcp/20001', 0)
    assert.equal(reach.portsDiffer(), true)
  })

  it('asks nobody to dial somebody else, and does not let itself be asked without end', async () => {
    const dialled: string[] = []
    const refused: string[] = []
    const dialBack = new DialBack({
      clock: systemClock,
      ipOf: peer => (peer === 'relayed' ? undefined : '5.5.5.1'),
      tryDial: async (_, address) => dialled.push(address) > 0,
      refused: code => refused.push(code),
    })
    const question = (peer: string, text: string): Promise<number[] | string> =>
      new Promise(resolve => {
        let hear: (frame: Uint8Array) => void = () => {}
        const channel = {
          peer,
          send: (frame: Uint8Array) => resolve([...frame]),
          close: (why: string) => resolve(why),
          onFrame: (listener: typeof hear) => {
            hear = listener
          },
        }
        dialBack.accepted(channel as unknown as Channel)
        hear(Buffer.from(text, 'latin1'))
      })
    const own = '/ip4/5.5.5.1/tcp/1'
    assert.deepEqual(await question('a', `\u0001${own}\n/ip4/5.5.5.2/tcp/1`), [1, 0])
    assert.deepEqual(dialled, [own])
    for (const [peer, text] of [
      ['a', `\u0001${own}`],
      ['relayed', `\u0001${own}`],
      ['b', own],
      ['c', `\u0001${own}\n`],
      ['d', `\u0001${Array(5).fill(own).join('\n')}`],
    ] as const)
      assert.equal(await question(peer, text), 'refused')
    assert.deepEqual(refused, ['over-rate', 'relayed', 'malformed', 'malformed', 'malformed'])
  })

  it('is told to all in a form that is refused when it is another, and not believed when it is old', () => {
    const sent: Uint8Array[] = []
    const heard: string[][] = []
    const news = new AddressNews({
      clock: systemClock,
      publish: message => sent.push(message),
      heard: (_, addresses) => heard.push([...addresses]),
      refused: () => {},
    })
    const relayed = `/ip4/5.5.5.1/tcp/1/p2p/12D3KooWFU8jtst5UJsaRAQLnZ7UPacsbSpYLwV6oCjd4RSPLkAd/p2p-circuit`
    news.upkeep([])
    assert.equal(sent.length, 0)
    news.upkeep([relayed])
    assert.equal(news.onMessage('a', sent[0]!), 'pass-on')
    assert.equal(news.onMessage('a', sent[0]!), 'drop')
    assert.equal(news.onMessage('a', Buffer.concat([sent[0]!, Buffer.from('\nx')])), 'refuse')
    assert.equal(news.onMessage('a', sent[0]!.subarray(0, 8)), 'refuse')
    assert.deepEqual(heard, [[relayed]])
  })

  it('tells public addresses from those inside, and what can be dialled from what can not', () => {
    for (const inside of ['10.1.2.3', '172.31.0.1', '192.168.0.1', '100.64.0.1', '169.254.1.1', '0.0.0.0'])
      assert.equal(isPublic(`/ip4/${inside}/tcp/1`), false)
    assert.equal(isPublic('/ip6/fd00::1/tcp/1'), false)
    assert.equal(isPublic('/ip4/5.5.5.5/tcp/1'), true)
    assert.equal(isPublic('/ip6/2a00::1/tcp/1'), true)
    assert.equal(isPublic('/dns4/localhost/tcp/1'), false)
    for (const bad of ['/ip4/1.2.3.4/udp/1', '/ip4/1.2.3.4/tcp/1/p2p/x', '/ip4/1.2.3.4', '/p2p-circuit', ''])
      assert.equal(isDialable(bad), false)
  })
})
