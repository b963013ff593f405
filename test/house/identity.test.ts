import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataDir } from '../../daemon/identity/data-dir.ts'
import {
  createNodeKeys,
  libp2pKeyBytes,
  readNodeKeys,
  verifyEndorsement,
} from '../../daemon/identity/node-keys.ts'
import { readRunFile, removeRunFile, writeRunFile } from '../../daemon/identity/run-file.ts'
import { signingKeyOf, verifySignature } from '../../daemon/identity/signing-key.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'freehold-identity-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe("a node's keys", () => {
  it('come back from their file, which nobody else can read', () => {
    const path = join(dir, 'deep', 'keys.json')
    const made = createNodeKeys(path, 'sea')
    const read = readNodeKeys(path)
    assert.equal(read.peerId, made.peerId)
    assert.deepEqual(read.endorsement, made.endorsement)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    chmodSync(path, 0o644)
    assert.throws(() => readNodeKeys(path), { code: 'bad-key-file', exitCode: 78, message: /chmod 600/ })
  })

  it('are four different keys, endorsed by the identity for one network', () => {
    const keys = createNodeKeys(join(dir, 'keys.json'), 'sea')
    const publics = [keys.identity, keys.vote, keys.cosign, keys.log].map(key =>
      Buffer.from(key.publicKey).toString('hex'),
    )
    assert.equal(new Set(publics).size, 4)
    const endorsed = { vote: keys.vote.publicKey, cosign: keys.cosign.publicKey, log: keys.log.publicKey }
    assert.ok(verifyEndorsement('sea', keys.peerId, endorsed, keys.endorsement))
    assert.ok(!verifyEndorsement('lake', keys.peerId, endorsed, keys.endorsement))
    assert.ok(
      !verifyEndorsement('sea', keys.peerId, { ...endorsed, vote: keys.log.publicKey }, keys.endorsement),
    )
    assert.ok(!verifyEndorsement('sea', 'not a peer id', endorsed, keys.endorsement))
  })

  it('are what libp2p takes', async () => {
    const { privateKeyFromRaw } = await import('@libp2p/crypto/keys')
    const keys = createNodeKeys(join(dir, 'keys.json'), 'sea')
    const theirs = privateKeyFromRaw(libp2pKeyBytes(keys))
    assert.deepEqual(theirs.publicKey.raw, keys.identity.publicKey)
  })

  it('are refused in one line when the file is missing or damaged', () => {
    const path = join(dir, 'keys.json')
    assert.throws(() => readNodeKeys(path), { exitCode: 78, message: /freehold init/ })
    for (const text of ['', '{}', '{"format":1}', 'x']) {
      writeFileSync(path, text, { mode: 0o600 })
      assert.throws(() => readNodeKeys(path), { exitCode: 78, message: /damaged/ })
    }
  })

  it('sign as RFC 8032 says (section 7.1, test 2)', () => {
    const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
    const key = signingKeyOf(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'))
    assert.deepEqual(key.publicKey, hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'))
    const signature = hex(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
    assert.deepEqual(key.sign(hex('72')), signature)
    assert.ok(verifySignature(key.publicKey, hex('72'), signature))
    assert.ok(!verifySignature(key.publicKey, hex('73'), signature))
    assert.ok(!verifySignature(key.publicKey.subarray(1), hex('72'), signature))
    assert.ok(!verifySignature(new Uint8Array(32).fill(255), hex('72'), signature))
  })
})

describe('a data directory', () => {
  const mine = 'a'.repeat(64)
  const peer = 'peer-1'

  /** As a node does at its first start. */
  function begin() {
    const { files, begun, release } = openDataDir(dir, mine, peer)
    mkdirSync(files.store)
    writeFileSync(join(files.store, 'CURRENT'), 'MANIFEST-000001\n')
    begun()
    release()
    return files
  }

  it('belongs to one network from its first use on', () => {
    begin()
    openDataDir(dir, mine, peer).release()
    assert.throws(() => openDataDir(dir, 'b'.repeat(64), peer), {
      code: 'wrong-genesis',
      exitCode: 78,
      message: /aaaaaaaa.*bbbbbbbb/,
    })
    openDataDir(dir, mine, peer).release()
  })

  it('belongs to one node: what one promised, the keys of another must not go on with', () => {
    begin()
    assert.throws(() => openDataDir(dir, mine, 'peer-2'), {
      code: 'other-keys',
      exitCode: 78,
      message: /begun by node peer-1, .* those of peer-2: /,
    })
  })

  it('says whether there has been a store', () => {
    const fresh = openDataDir(dir, mine, peer)
    assert.equal(fresh.hasRun, false)
    fresh.release()
    begin()
    const again = openDataDir(dir, mine, peer)
    assert.equal(again.hasRun, true)
    again.release()
  })

  it('is held by one process at a time', () => {
    const held = openDataDir(dir, mine, peer)
    assert.throws(() => openDataDir(dir, mine, peer), {
      code: 'data-dir-locked',
      exitCode: 1,
      message: new RegExp(`in use by process ${process.pid}: .*freehold stop`),
    })
    held.release()
    openDataDir(dir, mine, peer).release()
  })

  it('is free again after its process was killed, and does not take a reused process id for it', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    writeFileSync(join(dir, 'lock'), `${child.pid} 12345\n`)
    openDataDir(dir, mine, peer).release()
    if (process.platform === 'linux') {
      writeFileSync(join(dir, 'lock'), `${process.pid} 1\n`)
      openDataDir(dir, mine, peer).release()
    }
    writeFileSync(join(dir, 'lock'), 'garbage')
    openDataDir(dir, mine, peer).release()
  })

  it('shows the running node to other commands, and not one that is gone', async () => {
    const path = join(dir, 'run.json')
    const info = {
      ...{ pid: process.pid, number: 1, peerId: 'p', network: 'sea', startedAt: '2026-01-01T00:00:00.000Z' },
      ...{ httpUrl: 'http://127.0.0.1:1', gatewayUrl: 'ws://127.0.0.1:2', listen: [] },
    }
    assert.equal(readRunFile(path), undefined)
    writeRunFile(path, info)
    assert.deepEqual(readRunFile(path), info)
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    writeRunFile(path, { ...info, pid: child.pid! })
    assert.equal(readRunFile(path), undefined)
    writeFileSync(path, readFileSync(path).subarray(0, 20))
    assert.equal(readRunFile(path), undefined)
    removeRunFile(path)
    removeRunFile(path)
  })
})
