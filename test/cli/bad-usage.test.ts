import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportTo, foundTown, playTown, publish, removeTown, type Town } from '../audit/support/log.ts'
import { freeholdHere } from './harness.ts'

/** Nobody listens there, and whoever asks hears it at once. */
const nobody = 'http://127.0.0.1:1'

describe('a command that is given what it cannot use', function () {
  this.timeout(20_000)
  let town: Town
  let log: string
  const in_ = (name: string): string => join(town.folder, name)

  before(async () => {
    town = foundTown()
    log = await exportTo(town, await publish(town, playTown(town, 100)), 'log')
    mkdirSync(in_('folder'))
    writeFileSync(in_('junk'), '{]')
    writeFileSync(in_('empty'), '')
  })
  after(() => removeTown(town))

  /** What is given (`missing`, `folder`, `junk`, `empty` are files of these kinds), the exit code, and a part of what is said. */
  const table: [string, number, RegExp][] = [
    ['verify missing GENESIS', 1, /cannot be read \(ENOENT\)/],
    ['verify folder GENESIS', 1, /cannot be read \(EISDIR\)/],
    ['verify junk --genesis missing', 78, /cannot be read \(ENOENT\)/],
    ['verify junk --genesis folder', 78, /cannot be read \(EISDIR\)/],
    ['verify junk --genesis junk', 78, /is refused/],
    ['audit area/0000 --from missing GENESIS', 69, /neither a folder nor a URL/],
    ['audit area/0000 --from junk GENESIS', 69, /neither a folder nor a URL/],
    ['audit area/0000 --from LOG --genesis empty', 78, /is refused/],
    ['audit area/3 --from LOG GENESIS', 1, /knows no authority area\/3/],
    ['audit area/0000 --from LOG GENESIS --data-dir junk', 1, /cannot be read \(ENOTDIR\)/],
    ['export area/0000 folder --from LOG GENESIS', 1, /is a folder: name a file/],
    ['export area/0000 folder --from LOG GENESIS --format sqlite', 1, /is a folder: name a file/],
    ['export area/0000 junk/file --from LOG GENESIS', 1, /is a file where a directory should be/],
    ['import missing out GENESIS', 1, /it is not there/],
    ['import folder out GENESIS', 1, /it is no file/],
    ['import junk out GENESIS', 1, /cannot be restored/],
    ['import empty out GENESIS', 1, /cannot be restored/],
    ['log prove missing --url NOBODY GENESIS', 1, /cannot be read \(ENOENT\)/],
    ['log prove folder --url NOBODY GENESIS', 1, /cannot be read \(EISDIR\)/],
    ['log prove junk --url NOBODY GENESIS', 1, /is no receipt/],
    ['log show area/0000 --url NOBODY --grant junk', 1, /is no grant/],
    ['monitor junk GENESIS', 69, /neither a folder nor a URL/],
    ['init --dir junk', 1, /is a file where a directory should be/],
    ['status --url nonsense', 2, /must look like http/],
    ['status --url NOBODY', 69, /No node answers at/],
    ['status --config junk', 78, /junk/],
    ['witness --data-dir folder', 78, /keys .* cannot be read/],
    ['testnet --dir junk --duration 1', 1, /is a file where a directory should be/],
  ]
  for (const [given, code, says] of table) {
    it(`says so in a sentence: ${given}`, async () => {
      const words = given
        .replace('GENESIS', '--genesis TOWN')
        .split(' ')
        .map(word => {
          if (/^(missing|folder|junk|empty|out)\b/.test(word)) return in_(word)
          return { TOWN: town.genesisPath, LOG: log, NOBODY: nobody }[word] ?? word
        })
      const { code: ended, stdout, stderr } = await freeholdHere(words)
      const said = stdout + stderr
      assert.match(said, says)
      assert.doesNotMatch(said, /should not have happened|\n +at /)
      assert.equal(ended, code, said)
    })
  }
})
