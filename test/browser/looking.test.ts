import assert from 'node:assert/strict'
import { MapFixture } from './fixture.ts'

describe('the map page, looked at', function () {
  this.timeout(15_000)
  const map = new MapFixture()
  const asked = new Set<string>()

  before(async function () {
    this.timeout(60_000)
    if (!(await map.start())) this.skip()
    await map.startNetwork()
    await map.open()
    map.page.on('request', request => asked.add(new URL(request.url()).origin))
    await map.seesPlayers(20)
  })

  after(async () => {
    try {
      await map.leave()
    } finally {
      await map.stop()
    }
  })

  it('goes to the town and draws what moves in it', async () => {
    const { xMm, yMm, mmPerPx } = await map.restingView()
    assert.ok(Math.hypot(xMm - 5_000_000, yMm - 5_000_000) < 100_000, 'the town is in the middle')
    assert.ok(mmPerPx < 1000, 'and near enough to see people')
    assert.ok((await map.told('data-moving')) > 0)
    const before = await map.picture()
    await map.page.waitForTimeout(200)
    assert.notEqual(await map.picture(), before)
  })

  it('lists areas with leader, replicas and a growing log, and all nodes, by what several nodes tell', async () => {
    const { page } = map
    await page.waitForSelector('[data-authority="area/0231"][data-leader="2"]')
    const rows = page.locator('[data-authority]')
    assert.equal(await rows.count(), 2)
    for (const number of [1, 2, 3, 4])
      await page.waitForSelector(`[data-node="${number}"][data-alive="true"]`)
    const words = await rows.nth(0).textContent()
    assert.match(words ?? '', /area\/0230.*node 1 leads.*committed.*final.*checkpoint/)
    const [committed, final] = await rows.nth(0).locator('dd').allTextContents()
    assert.match(committed ?? '', /^[1-9]/)
    assert.ok(countOf(final) > 0 && countOf(final) < countOf(committed))
    await page.waitForFunction(
      before => document.querySelector('[data-authority] dd')?.textContent !== before,
      committed,
    )
    await page
      .locator('[data-chart="records/s"]')
      .getByText(/^[1-9]/)
      .waitFor()
  })

  it('tells details of an entity chosen by keyboard and of an area chosen in the list', async () => {
    const { page } = map
    await page.getByRole('application').focus()
    await page.keyboard.press('n')
    const details = page.getByTestId('details')
    assert.match((await details.textContent()) ?? '', /owned byarea\/0230/)
    await page.keyboard.press('Escape')
    await details.waitFor({ state: 'detached' })
    await page.locator('[data-authority="area/0231"] button').click()
    assert.match((await details.textContent()) ?? '', /area\/0231.*leadernode 2.*replicas2, 3, 4/)
    await map.restingView()
    await map.pressMap(0.02, 0.5)
    await details.getByRole('heading', { name: 'area/0230' }).waitFor()
    await page.getByRole('button', { name: 'Close the details' }).click()
    await page.getByRole('button', { name: 'Show the town' }).click()
  })

  it('is moved by wheel, drag, buttons and keys', async () => {
    const { page } = map
    const start = await map.restingView()
    const box = (await page.locator('.map canvas').boundingBox())!
    await page.mouse.move(box.x + 200, box.y + 200)
    await page.mouse.wheel(0, -300)
    const near = await map.restingView()
    assert.ok(near.mmPerPx < start.mmPerPx)
    await page.mouse.down()
    await page.mouse.move(box.x + 300, box.y + 200, { steps: 5 })
    await page.mouse.up()
    const dragged = await map.restingView()
    assert.ok(Math.abs(near.xMm - dragged.xMm - 100 * near.mmPerPx) < 12 * near.mmPerPx)
    await page.getByRole('button', { name: 'Zoom out' }).click()
    assert.ok((await map.view()).mmPerPx > dragged.mmPerPx)
    await page.getByRole('application').focus()
    await page.keyboard.press('ArrowUp')
    assert.ok((await map.view()).yMm > dragged.yMm)
  })

  it('sees all areas at once', async () => {
    await map.page.getByRole('button', { name: 'Show all areas' }).click()
    assert.ok((await map.restingView()).mmPerPx > 10_000)
    await map.seesPlayers(22)
  })

  it('has asked nobody but nodes of the network for anything', () => {
    const known = new Set(map.network.nodes.map(node => node.http.url))
    assert.ok(asked.size > 1, 'more than one node was asked')
    assert.deepEqual(
      [...asked].filter(origin => !known.has(origin)),
      [],
    )
  })
})

function countOf(text = ''): number {
  return Number(text.replaceAll(/\D/g, ''))
}
