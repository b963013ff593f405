import assert from 'node:assert/strict'
import { parseGenesis } from '../../audit/genesis.ts'
import { portableChecks } from '../../audit/verify/signatures.ts'
import { parseTlogProof } from '../../audit/verify/tlog-proof.ts'
import { proofTrust } from '../../audit/verify-proof.ts'
import {
  type ProofSource,
  type ProveOptions,
  parseProof,
  parseReceiptFile,
  proofOf,
  proofOfFinal,
  proofOfLeaf,
  proofTrustOf,
  type ReceiptFile,
  stateProofOf,
  verifyProof,
} from '../../client/index.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import { treeKey } from '../../storage/state/entry.ts'
import { encodeStateProof } from '../../storage/state/proof.ts'
import { certifyLast, cosign, decidedOn, decidedTown } from '../audit/support/decided.ts'
import { foundTown, publish, removeTown, type Served, type Town } from '../audit/support/log.ts'
import { receiptFileOf } from '../audit/support/receipts.ts'

describe('a receipt that is made into a proof', function () {
  this.timeout(20_000)
  let town: Town
  let records: readonly LogRecord[]
  let replica: Replica
  let served: Served
  let promise: ReceiptFile
  let certificate: Uint8Array

  before(async () => {
    ;({ town, records, replica, certificate } = decidedTown())
    served = await publish(town, records, 1)
    cosign(town, served.published, 3)
    promise = parseReceiptFile(receiptFileOf(town, records))!
  })
  after(() => removeTown(town))

  /** A node that holds this log; what it answers can be changed. */
  const node = (of: Served, change?: Parameters<typeof decidedOn>[2]): ProofSource => ({
    bytes: path => decidedOn(of, certificate, change).read(path),
  })

  const options = (source: ProofSource, change: Partial<ProveOptions> = {}): ProveOptions => {
    return { source, trust: proofTrustOf(town.genesis.bytes), waitMs: 100, ...change }
  }

  it('is whole: anybody verifies it with the genesis file alone', async () => {
    const opened = parseProof(await proofOf(promise, options(node(served))))
    assert.ok(opened.ok && opened.proof.kind === 'record')
    assert.deepEqual(Buffer.from(opened.proof.held!.body), Buffer.from(promise.body))
    const genesis = parseGenesis(new Uint8Array(town.genesis.bytes), 'genesis.json')
    const verdict = await verifyProof(opened.proof, proofTrust(genesis), portableChecks)
    assert.ok(verdict.ok)
    assert.deepEqual([verdict.facts.signedBy, verdict.facts.cosignedBy], [[2], [3]])
  })

  it('waits until the members have decided, and not for ever', async () => {
    let asked = 0
    const late = node(served, { certificate: () => (++asked < 3 ? undefined : certificate) })
    assert.ok(
      (await proofOf(promise, options(late, { waitMs: 5_000 }))).startsWith('freehold.proof/v1 record\n'),
    )
    const never = node(served, { certificate: () => undefined })
    await assert.rejects(proofOf(promise, options(never)), { code: 'not-final' })
  })

  it('needs nobody where a gateway has proven it final already', async () => {
    const { leaf } = promise.receipt
    const { proof, checkpoint } = parseTlogProof((await served.published.proof(leaf))!)!
    const trust = proofTrustOf(town.genesis.bytes)
    const final = { certificate, activations: [], checkpoint, path: proof }
    assert.equal(await proofOfFinal(promise, final, { trust }), await proofOf(promise, options(node(served))))
    const other = { ...promise, receipt: { ...promise.receipt, leaf: leaf + 1 } }
    await assert.rejects(proofOfFinal(other, final, { trust }), { code: 'bad-proof' })
  })

  it('is no proof, but a promise that was not kept, when the log has something else there', async () => {
    const receipt = { ...promise.receipt, leaf: promise.receipt.leaf + 1 }
    await assert.rejects(proofOf({ ...promise, receipt }, options(node(served))), { code: 'not-logged' })
  })

  it('accuses nobody on the word of a node that shows something else there without proving it', async () => {
    const other = await served.published.proof(promise.receipt.leaf)
    const extra = `extra ${Buffer.alloc(36, 1).toString('base64')}`
    const lie = () => Buffer.from(other!.replace(/^extra .*$/m, extra))
    await assert.rejects(proofOf(promise, options(node(served, { proof: lie }))), {
      code: 'bad-proof',
      facts: { reason: 'not-included' },
    })
  })

  it('is refused when it is of another network', async () => {
    const other = foundTown()
    const trust = proofTrustOf(other.genesis.bytes)
    await assert.rejects(proofOf(promise, options(node(served), { trust })), { code: 'other-network' })
    removeTown(other)
  })

  it('is not made of what proves nothing, whatever the node says', async () => {
    const stranger = foundTown()
    const forged = certifyLast({ ...town, nodes: stranger.nodes }, replica)
    const lies = {
      'not-a-quorum': { certificate: () => forged },
      'malformed-certificate': { activations: () => Buffer.from('[]') },
    }
    for (const [reason, lie] of Object.entries(lies))
      await assert.rejects(proofOf(promise, options(node(served, lie))), {
        code: 'bad-proof',
        facts: { reason },
      })
    removeTown(stranger)
  })

  it('leaves out who is unknown to the genesis file: witnesses may cosign what they like', async () => {
    const { size } = served.published
    const signature = { name: 'somewhere/witness', keyId: 77, signature: new Uint8Array(72) }
    served.published.cosigned(size, signature)
    const text = await proofOf(promise, options(node(served)))
    assert.ok(parseProof(text).ok && !text.includes('somewhere/witness'))
  })

  it('can be had of any leaf, with its body where that is disclosed', async () => {
    const leaf = 280
    const whole = parseProof(await proofOfLeaf(town.origin, leaf, options(node(served))))
    assert.ok(whole.ok && whole.proof.kind === 'record')
    assert.deepEqual(Buffer.from(whole.proof.held!.body), Buffer.from(records[leaf]!.body))
    const withheld = node(served)
    const source: ProofSource = {
      bytes: async path => (path.includes('/bodies/') ? undefined : withheld.bytes(path)),
    }
    const bare = parseProof(await proofOfLeaf(town.origin, leaf, options(source)))
    assert.ok(bare.ok && bare.proof.kind === 'record' && bare.proof.held === undefined)
  })

  describe('beside a proof of the state', () => {
    const answers = (change: object = {}) => ({
      'state-proof': (query: URLSearchParams) => {
        const id = query.get('id') ?? ''
        const key = treeKey(Buffer.concat([Buffer.from('e'), Buffer.from(id, 'hex')]))
        const value = replica.tree.get(key)?.subarray(1 + 17)
        const base64 = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('base64')
        const path = base64(encodeStateProof(replica.tree.proof(key)))
        const body = { value: base64(value) ?? null, path, certificate: base64(certificate), ...change }
        return Buffer.from(JSON.stringify(body))
      },
    })
    const prove = (id: string, change?: object, height?: number) =>
      stateProofOf(town.origin, Buffer.from(id, 'hex'), { ...options(node(served, answers(change))), height })

    it('has what is there, and what is not', async () => {
      const { id } = [...replica.area!.entities()][0]!
      for (const target of [id, '77'.repeat(16)]) {
        const opened = parseProof(await prove(target))
        assert.ok(opened.ok && opened.proof.kind === 'state')
        assert.equal(opened.proof.value === undefined, target !== id)
        const verdict = await verifyProof(opened.proof, proofTrustOf(town.genesis.bytes), portableChecks)
        assert.ok(verdict.ok)
      }
    })

    it('takes no lie of a node', async () => {
      const { id } = [...replica.area!.entities()][0]!
      await assert.rejects(prove(id, { value: null }), { code: 'bad-proof' })
      await assert.rejects(prove(id, { value: 'AAAA' }), { code: 'bad-proof' })
      await assert.rejects(prove(id, { path: undefined }), { code: 'bad-proof' })
      const { height } = replica.lastSeal!.seal
      await assert.rejects(prove(id, {}, height + 1), {
        code: 'bad-proof',
        facts: { reason: 'other-height' },
      })
    })
  })
})
