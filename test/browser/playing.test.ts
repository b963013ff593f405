import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { MapFixture } from './fixture.ts'

describe('the map page, played on', function () {
  this.timeout(15_000)
  const map = new MapFixture()

  before(async function () {
    this.timeout(60_000)
    if (!(await map.start())) this.skip()
  })

  after(() => map.stop())

  beforeEach(async () => {
    await map.startNetwork()
    await map.open()
  })

  afterEach(() => map.leave())

  const ada = () => map.network.towns[0]!.characterNamed('Ada')!

  it('lets a player enter, walk where one clicks, act, and leave, with verified receipts', async () => {
    const { page } = map
    await map.enter('Ada')
    await map.restingView()
    const receipts = page.getByTestId('receipts')
    await map.pressGround(0.5, 0.2, 40)
    await receipts.locator('li[data-outcome=committed][data-verified=true]').first().waitFor()
    const { vxMmPerTick, vyMmPerTick } = ada().motion
    assert.ok(vyMmPerTick > 500 && Math.abs(vxMmPerTick) < vyMmPerTick, 'up is north')
    assert.match((await receipts.textContent()) ?? '', /walk \d+ m committed\d+ ms · verified/)
    const walk = receipts.locator('li', { hasText: 'walk' })
    await walk.and(page.locator('[data-standing=final]')).waitFor()
    assert.match((await walk.textContent()) ?? '', /ms · verified · final$/)
    const [kept] = await Promise.all([page.waitForEvent('download'), walk.getByRole('button').click()])
    assert.match(
      await readFile((await kept.path())!, 'utf8'),
      /^freehold\.proof\/v1 record\n[\s\S]*\noutcome ok\n/,
    )
    assert.match(kept.suggestedFilename(), /\.proof$/)
    await page.keyboard.press('b')
    await receipts.getByText(/build campfire refused: ./).waitFor()
    await page.getByRole('button', { name: /^Gather/ }).click()
    await receipts
      .getByText(/^(walk .* to gather|gather) /)
      .first()
      .waitFor()
    await page.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('button', { name: 'Enter the world' }).waitFor()
    assert.equal(ada().awake, false)
  })

  it('stops where one wanted to go', async () => {
    await map.enter('Ada')
    await map.restingView()
    await map.pressGround(0.53, 0.5, 180)
    await map.page.getByText('stop committed').waitFor()
    assert.equal(ada().motion.vxMmPerTick, 0)
  })

  it('keeps the player key in this browser, and hands it out as a file that is taken again', async () => {
    const { page } = map
    const shownKey = page.locator('.key code')
    const key = await shownKey.textContent()
    await page.reload()
    assert.equal(await shownKey.textContent(), key)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save key' }).click(),
    ])
    const file = await readFile((await download.path())!)
    await page.evaluate(() => localStorage.clear())
    await page.reload()
    assert.notEqual(await shownKey.textContent(), key)
    const input = page.getByLabel('A saved player key')
    await input.setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{}') })
    await page.getByText('holds no player key').waitFor()
    await input.setInputFiles({ name: 'key.json', mimeType: 'application/json', buffer: file })
    await page.waitForFunction(text => document.querySelector('.key code')?.textContent === text, key)
  })

  it('says why a session is refused', async () => {
    await map.seesPlayers(20)
    map.network.towns[0]!.refuseAll('area-moved')
    await map.page.getByLabel("your character's name").fill('Ada')
    await map.page.keyboard.press('Enter')
    await map.page.getByRole('alert').getByText('area-moved').waitFor()
  })
})
