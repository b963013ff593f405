import type { Histogram } from '../../client/index.ts'
import type { AuthorityView, NodeAdvertView } from '../../daemon/http/view.ts'
import type { PlayerStats } from './players.ts'

export interface Picture {
  readonly mapUrl: string
  readonly uptimeMs: number
  readonly nodes: readonly (Pick<NodeAdvertView, 'number' | 'alive' | 'leads'> & {
    readonly running: boolean
  })[]
  readonly authorities: readonly AuthorityView[]
  readonly players: PlayerStats
  /** Of the last few seconds. */
  readonly latencies: Histogram
  readonly notes: readonly string[]
}

const columns = 78

/** The status as lines of at most 78 characters. */
export function draw(picture: Picture): string[] {
  const { players, latencies } = picture
  const ms = (share: number): string =>
    latencies.count === 0 ? '–' : `${latencies.quantile(share).toFixed(0)} ms`
  return [
    `Freehold testnet · up ${clock(picture.uptimeMs)} · map and game: ${picture.mapUrl}`,
    '',
    ...picture.nodes.map(node => {
      const state = !node.running ? 'down' : node.alive ? 'up' : 'joining'
      return `node ${node.number}  ${state.padEnd(8)} leads ${node.leads.join(', ') || '–'}`
    }),
    '',
    'area         leader  replicas   term      leaves      sealed  players',
    ...picture.authorities.map(area => {
      const replicas = area.members.map(member => member.number).join(' ')
      const cells = [area.name.padEnd(12), String(area.leader || '–').padStart(6), replicas.padStart(9)]
      const counts = [
        String(area.term).padStart(6),
        String(area.size).padStart(11),
        String(area.sealedSize).padStart(11),
      ]
      return [...cells, ...counts, String(area.players).padStart(8)].join(' ')
    }),
    '',
    `bots ${players.connected}/${players.bots} playing · ${players.committed} actions committed, ${players.rejected} of them refused by the rules`,
    `last seconds: p50 ${ms(0.5)}, p99 ${ms(0.99)} from input to verified receipt`,
    ...picture.notes,
    'Ctrl-C ends everything.',
  ].map(line => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line))
}

/** Redraws the status in place on a terminal. */
export class Screen {
  readonly #out: NodeJS.WriteStream
  #drawn = 0

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  show(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    this.#out.write(`${up}${lines.map(line => `\x1b[2K${line}\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
}
