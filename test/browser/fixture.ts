import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page, type ViewportSize } from 'playwright-core'
import { buildMap } from '../../client/map/build.ts'
import { positionAt } from '../../world/motion.ts'
import { TestNetwork } from './network.ts'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const SIZE = { nodes: 4, areas: 2, bots: 20 }
/** More than a press reaches, and what somebody walks until it comes. */
const FREE_PX = 20
const RESTING_FRAMES = 8
export const WIDE = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

/** A browser, the built page, and a network that serves it; what pages complain about fails the test. */
export class MapFixture {
  network!: TestNetwork
  page!: Page
  #folder = ''
  #browser: Browser | undefined
  #context: BrowserContext | undefined
  #started: TestNetwork | undefined
  #faults: string[] = []

  /** False, and a line that says so, when there is no Chromium here. */
  async start(): Promise<boolean> {
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
    if (!existsSync(executablePath)) {
      console.error(`    no Chromium at ${executablePath}: set CHROMIUM to where it is`)
      return false
    }
    this.#folder = await mkdtemp(join(tmpdir(), 'freehold-map-'))
    const built = buildMap(join(this.#folder, 'page'))
    this.#browser = await chromium.launch({ executablePath, args: ARGS, headless: true })
    await built
    return true
  }

  async stop(): Promise<void> {
    await this.#browser?.close()
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true })
  }

  async startNetwork(): Promise<void> {
    this.network = await TestNetwork.start(join(this.#folder, 'page'), SIZE)
    this.#started = this.network
  }

  /** Opens the page as node 1 serves it, in a browser that was never here before. */
  async open(viewport: ViewportSize = WIDE): Promise<void> {
    this.#context = await this.#browser!.newContext({ viewport, acceptDownloads: true })
    this.page = await this.#context.newPage()
    this.page.setDefaultTimeout(8_000)
    this.#faults = []
    this.page.on('pageerror', error => this.#faults.push(error.message))
    this.page.on('console', message => {
      if (/Content Security Policy/i.test(message.text())) this.#faults.push(message.text())
    })
    await this.page.goto(`${this.network.nodes[0]!.http.url}/`)
  }

  /** Ends the page and the network, as far as they were begun. */
  async leave(): Promise<void> {
    await this.#context?.close()
    await this.#started?.stop()
    this.#context = undefined
    this.#started = undefined
    assert.deepEqual(this.#faults, [])
  }

  /** Waits until the page shows so many players. */
  async seesPlayers(count: number): Promise<void> {
    await this.page.locator('[data-kind=character]').getByText(`${count} players`, { exact: true }).waitFor()
  }

  async enter(name: string): Promise<void> {
    await this.seesPlayers(SIZE.bots)
    await this.page.getByLabel("your character's name").fill(name)
    await this.page.getByRole('button', { name: 'Enter the world' }).click()
    await this.page.getByRole('heading', { name: 'You are in the world' }).waitFor()
    await this.seesPlayers(SIZE.bots + 1)
  }

  /** Middle of the view in the world, and how much of it a pixel shows. */
  async view(): Promise<{ xMm: number; yMm: number; mmPerPx: number }> {
    const [xMm, yMm, mmPerPx] = (await this.#viewText()).split(' ').map(Number)
    return { xMm: xMm!, yMm: yMm!, mmPerPx: mmPerPx! }
  }

  /** The view once it has stopped gliding: it has stood for some frames, however long each takes. */
  async restingView(): Promise<{ xMm: number; yMm: number; mmPerPx: number }> {
    await this.page.evaluate(
      frames =>
        new Promise<void>(done => {
          const canvas = document.querySelector('.map canvas')!
          const look = (before: string, stood: number): void => {
            const now = canvas.getAttribute('data-view') ?? ''
            if (now === before && stood === frames) return done()
            requestAnimationFrame(() => look(now, now === before ? stood + 1 : 0))
          }
          look('', 0)
        }),
      RESTING_FRAMES,
    )
    return this.view()
  }

  async pressMap(partX: number, partY: number): Promise<void> {
    const { x, y, width, height } = (await this.page.locator('.map canvas').boundingBox())!
    await this.page.mouse.click(x + width * partX, y + height * partY)
  }

  /**
   * Presses there, or a little farther from the middle, or turned around it by at most so many degrees: where nothing
   * stands or wanders that the press would choose.
   */
  async pressGround(partX: number, partY: number, mostDegrees: number): Promise<void> {
    const { width, height } = (await this.page.locator('.map canvas').boundingBox())!
    const { xMm, yMm, mmPerPx } = await this.view()
    const placed = this.network.towns.flatMap(({ world }) =>
      [...world.entities()].map(({ motion }) => positionAt(motion, world.tick)),
    )
    const isFree = (at: { xPx: number; yPx: number }) =>
      placed.every(it => {
        const [awayXMm, awayYMm] = [it.xMm - xMm - at.xPx * mmPerPx, it.yMm - yMm + at.yPx * mmPerPx]
        return Math.hypot(awayXMm, awayYMm) > FREE_PX * mmPerPx
      })
    const wanted = { xPx: (partX - 0.5) * width, yPx: (partY - 0.5) * height }
    const isOnMap = (at: { xPx: number; yPx: number }) =>
      Math.abs(at.xPx) < 0.48 * width && Math.abs(at.yPx) < 0.48 * height
    const free = around(wanted, mostDegrees).find(at => isOnMap(at) && isFree(at))
    assert.ok(free, 'there is free ground to press on')
    await this.pressMap(0.5 + free.xPx / width, 0.5 + free.yPx / height)
  }

  picture(): Promise<string> {
    return this.page.evaluate(() => document.querySelector<HTMLCanvasElement>('.map canvas')!.toDataURL())
  }

  async told(attribute: 'data-moving' | 'data-entities'): Promise<number> {
    return Number(await this.page.getAttribute('.page', attribute))
  }

  async #viewText(): Promise<string> {
    return (await this.page.getAttribute('.map canvas', 'data-view')) ?? ''
  }
}

/** The point, then others: up to twice as far from the middle, and turned to both sides; from it in px, y down. */
function around(point: { xPx: number; yPx: number }, mostDegrees: number): { xPx: number; yPx: number }[] {
  const distances = [1, 1.2, 1.4, 1.6, 1.8, 2]
  const turns = [0]
  for (let degrees = 10; degrees <= mostDegrees; degrees += 10) turns.push(degrees, -degrees)
  return turns.flatMap(degrees =>
    distances.map(scale => {
      const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
      return {
        xPx: scale * (point.xPx * cos - point.yPx * sin),
        yPx: scale * (point.xPx * sin + point.yPx * cos),
      }
    }),
  )
}
