import assert from 'node:assert/strict'
import { MapFixture, PHONE, WIDE } from './fixture.ts'

describe('the map page, when nodes are lost', function () {
  this.timeout(15_000)
  const map = new MapFixture()

  before(async function () {
    this.timeout(60_000)
    if (!(await map.start())) this.skip()
  })

  after(() => map.stop())

  beforeEach(() => map.startNetwork())

  afterEach(() => map.leave())

  it('goes on at other nodes, and the player with it, when the node that serves it is killed', async () => {
    await map.open(WIDE)
    await map.enter('Ada')
    const { page } = map
    const home = map.network.nodes[0]!.http.url
    await map.network.kill(1)
    await page.waitForSelector('[data-node="1"][data-alive="false"]')
    assert.notEqual(await page.getAttribute('.page', 'data-source'), home)
    await page.getByText('Node 1 stopped answering').waitFor()
    await page.getByText('Node 2 leads area/0230, term 2').waitFor()
    await page.getByText(/in area\/0230 through/).waitFor()
    await page.keyboard.press('b')
    await page.getByTestId('receipts').locator('li[data-verified=true]').first().waitFor()
    const before = await map.picture()
    await page.waitForTimeout(200)
    assert.notEqual(await map.picture(), before)
    await page.locator('.banner.hidden').waitFor({ state: 'attached' })
  })

  it('says that nobody can enter while there is no gateway, and takes one that comes', async () => {
    for (const { number } of map.network.nodes) await map.network.stopGateway(number)
    await map.open(WIDE)
    await map.page.getByTestId('banner').getByText('has a gateway').waitFor()
    assert.equal(await map.page.getByRole('button', { name: 'Enter the world' }).isDisabled(), true)
    await map.network.startGateway(2)
    await map.seesPlayers(20)
    assert.equal(await map.page.getByTestId('banner').textContent(), '')
  })

  it('says that all is stale when no node answers, on a phone too, and goes on by itself', async () => {
    await map.open(PHONE)
    await map.seesPlayers(20)
    const { page } = map
    await page.context().route('**/api/v1/**', route => route.abort())
    await page.getByTestId('banner').getByText('No node answers').waitFor()
    assert.match((await page.textContent('.pills')) ?? '', /stale/)
    assert.equal(await page.getByRole('button', { name: 'Enter the world' }).isDisabled(), true)
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.equal(widths[0], widths[1], 'nothing sticks out at the side')
    await page.context().unroute('**/api/v1/**')
    await page.locator('.pill.good').waitFor()
    assert.equal(await page.getByTestId('banner').textContent(), '')
  })
})
