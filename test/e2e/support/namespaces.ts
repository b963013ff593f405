import { execFileSync } from 'node:child_process'

/**
 * Nodes in network namespaces of their own, on two networks: one among the nodes, and one on which this process, with
 * clients in it, reaches them. So a node can be cut off from the others for real, while clients still reach it. Needs
 * Linux, root and iproute2.
 */
export class Namespaces {
  readonly #name = `fh${process.pid.toString(36)}`
  readonly #subnet = 64 + (process.pid % 64)
  readonly #count: number

  static possible(): boolean {
    try {
      const name = `fh${process.pid}`
      ip('netns', 'add', name)
      ip('netns', 'delete', name)
      return true
    } catch {
      return false
    }
  }

  constructor(count: number) {
    this.#count = count
    try {
      this.#build()
    } catch (error) {
      this.end()
      throw error
    }
  }

  /** Where other nodes reach it. */
  peerHost(node: number): string {
    return `10.${this.#subnet}.1.${node}`
  }

  /** Where clients reach it. */
  clientHost(node: number): string {
    return `10.${this.#subnet}.2.${node}`
  }

  /** What a command is put behind to run in the node's namespace. */
  command(node: number): string[] {
    return ['ip', 'netns', 'exec', this.#namespace(node)]
  }

  /** Takes the node off the nodes' network. Neither side is told: packets vanish. */
  cut(node: number): void {
    ip('link', 'set', this.#cable('p', node), 'nomaster')
  }

  heal(node: number): void {
    ip('link', 'set', this.#cable('p', node), 'master', this.#bridge('p'))
  }

  end(): void {
    const names = Array.from({ length: this.#count }, (_, i) => i + 1)
    const gone: string[][] = [
      ...names.map(node => ['netns', 'delete', this.#namespace(node)]),
      ...(['p', 'c'] as const).map(which => ['link', 'delete', this.#bridge(which)]),
    ]
    for (const args of gone) {
      try {
        ip(...args)
      } catch {
        // It was never made.
      }
    }
  }

  #build(): void {
    for (const which of ['p', 'c'] as const) {
      ip('link', 'add', this.#bridge(which), 'type', 'bridge')
      ip('link', 'set', this.#bridge(which), 'up')
    }
    ip('address', 'add', `10.${this.#subnet}.2.254/24`, 'dev', this.#bridge('c'))
    for (let node = 1; node <= this.#count; node++) {
      ip('netns', 'add', this.#namespace(node))
      ip('-n', this.#namespace(node), 'link', 'set', 'lo', 'up')
      this.#plug('p', node, this.peerHost(node))
      this.#plug('c', node, this.clientHost(node))
    }
  }

  #plug(which: 'p' | 'c', node: number, address: string): void {
    const [cable, namespace, inside] = [this.#cable(which, node), this.#namespace(node), `${which}0`]
    ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace)
    ip('link', 'set', cable, 'master', this.#bridge(which), 'up')
    ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', inside)
    ip('-n', namespace, 'link', 'set', inside, 'up')
  }

  #namespace(node: number): string {
    return `${this.#name}-${node}`
  }

  #bridge(which: 'p' | 'c'): string {
    return `${this.#name}${which}`
  }

  #cable(which: 'p' | 'c', node: number): string {
    return `${this.#name}${which}${node}`
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}
