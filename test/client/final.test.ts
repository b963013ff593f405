import assert from 'node:assert/strict'
import { verifyInclusion } from '../../audit/verify/merkle.ts'
import { recordLeafHash } from '../../audit/verify/record.ts'
import { type Client, type ClientError, connect, type Done, randomSeed } from '../../client/index.ts'
import { encodeFinalRequest } from '../../daemon/routing/final-codec.ts'
import { TestAuthority } from '../gateway/support/authority.ts'
import { startTestGateway, type TestGateway } from '../gateway/support/server.ts'

describe('what a client knows to be final', function () {
  this.timeout(10_000)
  let authority: TestAuthority
  let gateway: TestGateway
  let client: Client

  beforeEach(async () => {
    authority = new TestAuthority()
    authority.decidesAtOnce = false
    gateway = await startTestGateway(authority)
    client = await connect({ gateways: gateway.url, player: randomSeed(), finalTimeoutMs: 400 })
  })
  afterEach(async () => {
    client.close()
    await gateway.stop()
  })

  const look = (): Promise<Done> => client.act({ kind: 'gather', resource: '0'.repeat(32) })

  async function decided(): Promise<void> {
    await until(() => authority.finalAsks.length > 0)
    for (const decide of authority.finalAsks.splice(0)) decide()
  }

  it('is proven by a certificate, a checkpoint and a path, after it was committed', async () => {
    const done = await client.spawn('Ada')
    let isFinal = false
    const asked = done.final.then(final => {
      isFinal = true
      return final
    })
    await sleep(50)
    assert.equal(isFinal, false)
    await decided()
    const { leaf, seal, path, checkpoint } = await asked
    assert.equal(leaf, done.receipt.leaf)
    const hash = recordLeafHash(done.receipt.header, done.receipt.salt, done.body)
    assert.ok(verifyInclusion(leaf, seal.size, hash, path, seal.root))
    assert.equal(checkpoint.split('\n')[1], `${seal.size}`)
  })

  it('is asked for once, however often it is looked at, and many together', async () => {
    await client.spawn('Ada')
    const dones = await Promise.all(Array.from({ length: 20 }, look))
    const finals = dones.flatMap(done => [done.final, done.final])
    await until(() => authority.finalAsks.length > 0)
    await sleep(30)
    assert.equal(authority.finalAsks.length, 1)
    await decided()
    const leaves = (await Promise.all(finals)).map(({ leaf }) => leaf)
    assert.deepEqual(
      leaves,
      dones.flatMap(({ outcome }) => [outcome.leaf, outcome.leaf]),
    )
  })

  it('is not what fell off: the decided log has something else in its place', async () => {
    const done = await client.spawn('Ada')
    authority.log.replace(done.outcome.leaf)
    const rejected = assert.rejects(done.final, (error: ClientError) => error.code === 'fell-off')
    await decided()
    await rejected
  })

  const lies = {
    'too few votes': () => {
      authority.log.votes = 0
    },
    'another certificate': () => {
      authority.forgeFinal = proof => ({ ...proof, certificate: flipped(proof.certificate) })
    },
    'another checkpoint': () => {
      authority.forgeFinal = proof => ({ ...proof, checkpoint: proof.checkpoint.replace(/\n\d+\n/, '\n7\n') })
    },
    'another path': () => {
      authority.forgeFinal = proof => ({ ...proof, proof: flipped(proof.proof) })
    },
    'other leaves': () => {
      authority.forgeFinal = proof => ({ ...proof, hashes: flipped(proof.hashes) })
    },
    'the certificate of another log': () => {
      authority.forgeFinal = proof => ({ ...proof, certificate: proof.certificate.slice().fill(1, 2, 34) })
    },
  }
  for (const [lie, tell] of Object.entries(lies)) {
    it(`is not what a gateway shows with ${lie}: it is left`, async () => {
      const done = await client.spawn('Ada')
      tell()
      const left = new Promise<string>(resolve => {
        client.onState((state, reason) => state === 'reconnecting' && resolve(reason))
      })
      done.final.catch(() => {})
      await decided()
      assert.equal(await left, 'forged-final')
    })
  }

  it('is asked for again at the next gateway, and after it was not final in time', async () => {
    const done = await client.spawn('Ada')
    const late = done.final
    await assert.rejects(late, (error: ClientError) => error.code === 'timeout')
    authority.finalAsks.length = 0
    const again = done.final
    await until(() => authority.finalAsks.length > 0)
    authority.finalAsks.length = 0
    authority.decidesAtOnce = true
    await gateway.stop()
    gateway = await startTestGateway(authority, { port: Number(new URL(gateway.url).port) })
    assert.equal((await again).leaf, done.outcome.leaf)
  })

  it('is asked for by a few messages at once, however much is looked at', async () => {
    await client.spawn('Ada')
    for (let i = 0; i < 12; i++) {
      const { final } = await look()
      final.catch(() => {})
      await sleep(5)
    }
    assert.ok(authority.finalAsks.length <= 4, `${authority.finalAsks.length} asks under way`)
  })

  it('leaves nothing waiting when the client closes', async () => {
    const done = await client.spawn('Ada')
    const rejected = assert.rejects(done.final, (error: ClientError) => error.code === 'closed')
    client.close()
    await rejected
    await assert.rejects(done.final, (error: ClientError) => error.code === 'closed')
  })

  it('fits into one message, for as many leaves as one may ask for', () => {
    const leaves = Array.from({ length: 128 }, (_, i) => 2 ** 45 + i * 2 ** 30)
    assert.ok(
      encodeFinalRequest({ group: 1, batch: 1, asks: [{ leaves, soon: true, epoch: 1 }] }).length < 4_096,
    )
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  changed[40 % bytes.length]! ^= 1
  return changed
}

function sleep(delayMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, delayMs))
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 300, 'it did not happen within 3 s')
    await sleep(10)
  }
}
