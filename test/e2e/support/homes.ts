import { execFileSync } from 'node:child_process'

/**
 * What stands between a machine and the internet: nothing; a router that keeps ports where it can, as most at home do; or one
 * that gives each connection another port.
 */
export type Door = 'public' | 'router' | 'random-ports'

/**
 * Machines in network namespaces, on an internet of this test's own: some have a public address, the others sit each behind a router
 * with masquerade, whose firewall drops what nobody asked for. Beside it each has a cable to this process, for clients.
 * Needs Linux, root, iproute2 and nftables.
 */
export class Homes {
  readonly #name = `fn${process.pid.toString(36)}`
  readonly #subnet = 64 + (process.pid % 64)
  readonly #doors: readonly Door[]

  static possible(): boolean {
    try {
      const probe = 'add table ip probe; add chain ip probe c { type nat hook postrouting priority 100; }'
      execFileSync('unshare', ['-n', 'nft', `${probe}; add rule ip probe c masquerade`], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  constructor(doors: readonly Door[]) {
    this.#doors = doors
    try {
      this.#build()
    } catch (error) {
      this.end()
      throw error
    }
  }

  /** The node's own address: on the internet, or in its home. */
  host(node: number): string {
    return this.#doors[node - 1] === 'public' ? this.outside(node) : `192.168.${node}.2`
  }

  /** Where the internet sees it. */
  outside(node: number): string {
    return `45.0.0.${node}`
  }

  clientHost(node: number): string {
    return `10.${this.#subnet}.2.${node}`
  }

  command(node: number): string[] {
    return ['ip', 'netns', 'exec', this.#machine(node)]
  }

  end(): void {
    const names = this.#doors.map((_, i) => i + 1)
    const gone: string[][] = [
      ...names.flatMap(node => [
        ['netns', 'delete', this.#machine(node)],
        ['netns', 'delete', this.#router(node)],
      ]),
      ['netns', 'delete', `${this.#name}-net`],
      ['link', 'delete', `${this.#name}c`],
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
    const internet = `${this.#name}-net`
    const clients = `${this.#name}c`
    ip('netns', 'add', internet)
    ip('-n', internet, 'link', 'add', 'switch', 'type', 'bridge')
    ip('-n', internet, 'link', 'set', 'switch', 'up')
    ip('link', 'add', clients, 'type', 'bridge')
    ip('link', 'set', clients, 'up')
    ip('address', 'add', `10.${this.#subnet}.2.254/24`, 'dev', clients)
    for (const [i, door] of this.#doors.entries()) {
      const node = i + 1
      const machine = this.#machine(node)
      addNamespace(machine)
      const cable = `${this.#name}c${node}`
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'clients', 'netns', machine)
      ip('link', 'set', cable, 'master', clients, 'up')
      give(machine, 'clients', `${this.clientHost(node)}/24`)
      const outermost = door === 'public' ? machine : this.#addRouter(node, door)
      const plug = ['link', 'add', `port${node}`, 'type', 'veth', 'peer', 'name', 'wan', 'netns', outermost]
      ip('-n', internet, ...plug)
      ip('-n', internet, 'link', 'set', `port${node}`, 'master', 'switch', 'up')
      give(outermost, 'wan', `${this.outside(node)}/24`)
    }
  }

  #addRouter(node: number, door: Door): string {
    const [router, machine] = [this.#router(node), this.#machine(node)]
    addNamespace(router)
    ip('-n', router, 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'home', 'netns', machine)
    give(router, 'lan', `192.168.${node}.1/24`)
    give(machine, 'home', `${this.host(node)}/24`)
    ip('-n', machine, 'route', 'add', 'default', 'via', `192.168.${node}.1`)
    inside(router, ['sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    const rules = [
      'table ip home {',
      'chain out { type nat hook postrouting priority 100;',
      `oifname "wan" masquerade ${door === 'random-ports' ? 'fully-random' : ''}`,
      '}',
      'chain to-it { type filter hook input priority 0;',
      'iifname "wan" ct state new drop',
      '}',
      'chain through-it { type filter hook forward priority 0;',
      'iifname "wan" ct state new drop',
      '}',
      '}',
    ]
    inside(router, ['nft', '-f', '-'], `${rules.join('\n')}\n`)
    return router
  }

  #machine(node: number): string {
    return `${this.#name}-${node}`
  }

  #router(node: number): string {
    return `${this.#name}-r${node}`
  }
}

function addNamespace(name: string): void {
  ip('netns', 'add', name)
  ip('-n', name, 'link', 'set', 'lo', 'up')
}

function give(namespace: string, device: string, address: string): void {
  ip('-n', namespace, 'address', 'add', address, 'dev', device)
  ip('-n', namespace, 'link', 'set', device, 'up')
}

function inside(namespace: string, command: readonly string[], input = ''): void {
  execFileSync('ip', ['netns', 'exec', namespace, ...command], { input, stdio: ['pipe', 'pipe', 'pipe'] })
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}
