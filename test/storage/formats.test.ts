import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { auditAuthority } from '../../audit/audit.ts'
import type { AuditError } from '../../audit/errors.ts'
import { resourcesOf } from '../../audit/verify/tiles.ts'
import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import { recoverMember } from '../../consensus/finality/disk.ts'
import { decodeSignState } from '../../consensus/finality/sign-state.ts'
import { canonicalJson } from '../../daemon/genesis/canonical-json.ts'
import { charterOf, type Genesis, originOf, parseGenesis } from '../../daemon/genesis/genesis.ts'
import { rulesContentHash } from '../../daemon/genesis/rules-hash.ts'
import type { GenesisAuthority } from '../../daemon/genesis/schema.ts'
import { SealChain } from '../../daemon/hosting/finality/seal-chain.ts'
import { PublishedLog } from '../../daemon/hosting/log-view.ts'
import { recoverAuthority } from '../../daemon/hosting/recover.ts'
import { rulesHost } from '../../daemon/hosting/rules-host.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { parseLogPath } from '../../storage/log/tiles.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { Store } from '../../storage/store.ts'
import { openLevelStore, storeFormatVersion } from '../../storage/store-level.ts'
import { type PackedStore, readPacked, unpack } from '../fixtures/stores/packed.ts'

const FOLDER = join(import.meta.dirname, '../fixtures/stores')
const PACKED = readdirSync(FOLDER).filter(name => name.endsWith('.zst'))

/** As the node's composition root makes it of the genesis file. */
function identityOf({ file, hash, hashHex }: Genesis, authority: GenesisAuthority) {
  const { network, rules } = file
  return {
    ...{ genesisHash: hash, origin: originOf(network, authority), group: authority.group, isHidden: false },
    ...{ epoch: authority.epoch, view: 0, members: [...authority.members] },
    charterBody: Buffer.from(canonicalJson({ genesisHash: hashHex, network, rules, authority })),
    ...{ rulesVersion: rules.version, tickMs: file.tickMs, createdAtMs: Date.parse(file.createdAt) },
  }
}

/** The checkpoint's size and root. */
function told(checkpoint: string): { size: number; root: Uint8Array } {
  const [, size, root] = checkpoint.split('\n')
  return { size: Number(size), root: Buffer.from(root!, 'base64') }
}

/** That before was of no release: who has such a store is told so. */
const OLDEST_FORMAT = 2

describe('a store of each format that is read', () => {
  it('is here', () => {
    const formats = PACKED.map(name => Number.parseInt(name, 10)).sort((a, b) => a - b)
    assert.deepEqual(
      formats,
      Array.from({ length: storeFormatVersion - OLDEST_FORMAT + 1 }, (_, i) => OLDEST_FORMAT + i),
    )
  })

  for (const name of PACKED) {
    describe(`format ${Number.parseInt(name, 10)}`, function () {
      this.timeout(30_000)
      let dir: string
      let packed: PackedStore
      let genesis: Genesis
      let store: Store

      before(async () => {
        dir = mkdtempSync(join(tmpdir(), 'freehold-format-'))
        packed = readPacked(join(FOLDER, name))
        genesis = parseGenesis(Buffer.from(packed.genesis))
        unpack(packed, join(dir, 'store'))
        store = await openLevelStore(join(dir, 'store'))
      })
      after(async () => {
        await store.close()
        rmSync(dir, { recursive: true, force: true })
      })

      /** Its replica, and what the node would serve of its log. */
      async function open(authority: GenesisAuthority) {
        const identity = identityOf(genesis, authority)
        const { origin, group } = identity
        const host = rulesHost(origin, sha256, verifySignature)
        const charter = charterOf(genesis.file, authority)
        const { replica } = await recoverAuthority(store, identity, charter, host, {
          wallMs: Date.now(),
          decidedSize: 0,
        })
        const signer = { name: origin, keyId: 1, sign: () => new Uint8Array(64) }
        const { log } = replica
        const published = new PublishedLog(
          origin,
          log,
          new LogReader(store, group),
          signer,
          identity.charterBody,
        )
        const point = told(packed.checkpoints[origin]!)
        published.publish(point)
        return { origin, replica, published, point }
      }

      it('is opened and replayed, to the very checkpoint that its node showed', async () => {
        for (const authority of genesis.file.authorities) {
          const { replica, point } = await open(authority)
          assert.ok(point.size > (authority.kind === 'directory' ? 20 : 200))
          assert.ok(replica.log.size >= point.size)
          assert.deepEqual(Buffer.from(await replica.log.rootAt(point.size)), point.root)
          assert.ok(replica.lastSeal!.size >= point.size, 'its states were those that were sealed')
          const { from } = await new LogReader(store, authority.group).bodiesHere()
          assert.equal(from > 0, packed.dropped.includes(authority.group))
        }
      })

      it('has what its node has signed, and the decision on what it showed', async () => {
        for (const authority of genesis.file.authorities) {
          const { group } = authority
          const { size } = told(packed.checkpoints[originOf(genesis.file.network, authority)]!)
          const member = await recoverMember(store, group)
          const tip = member?.tip && decodeCertificate(member.tip)
          const sign = member?.sign && decodeSignState(member.sign)
          assert.ok(tip && sign)
          assert.ok(tip.seal.size >= size && sign.vote2!.height >= tip.seal.height)
          const { undecided } = await SealChain.load(
            store,
            group,
            tip.seal.authority,
            () => undefined,
            member.tip,
          )
          assert.deepEqual(undecided, [], 'a member that is alone decides each seal at once')
        }
      })

      it('is audited', async () => {
        const authority = genesis.file.authorities.find(({ group }) => !packed.dropped.includes(group))!
        const { origin, published, point } = await open(authority)
        const exported = join(dir, 'exported')
        const write = (path: string, bytes: Uint8Array | string): void => {
          mkdirSync(dirname(join(exported, path)), { recursive: true })
          writeFileSync(join(exported, path), bytes)
        }
        write('genesis.json', packed.genesis)
        write(`log/${origin}/checkpoint`, packed.checkpoints[origin]!)
        write(`log/${origin}/charter`, published.charter()!)
        for (const { path } of resourcesOf('entries', point.size)) {
          const resource = parseLogPath(path)
          if (resource?.kind !== 'entries') throw new Error(path)
          const { index, width } = resource
          write(`log/${origin}/${path}`, (await published.entries(index, width))!)
          write(
            `log/${origin}/${path.replace('tile/entries/', 'bodies/')}`,
            (await published.bodies(index, width))!,
          )
        }
        for (let level = 0; resourcesOf(level, point.size).length > 0; level++) {
          for (const { path } of resourcesOf(level, point.size)) {
            const resource = parseLogPath(path)
            if (resource?.kind !== 'tile') throw new Error(path)
            write(`log/${origin}/${path}`, (await published.tile(level, resource.index, resource.width))!)
          }
        }
        const audit = auditAuthority({
          ...{ authority: authority.name, from: exported, genesis: join(exported, 'genesis.json') },
        })
        // It is replayed above also by other rules; an auditor does that with the rules of the time only.
        if (genesis.file.rules.contentHash !== rulesContentHash())
          return await assert.rejects(audit, (error: AuditError) => error.code === 'other-rules')
        const report = await audit
        assert.ok(report.ok, report.message)
        assert.ok(report.inputs > 100)
      })
    })
  }
})
