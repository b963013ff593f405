/** This replica executed the same records to another state than the one that was sealed: it must not go on. */
export class DivergenceError extends Error {
  readonly code = 'state-diverged'
  readonly origin: string
  readonly height: number

  constructor(origin: string, height: number, sealed: Uint8Array, own: Uint8Array) {
    super(
      `${origin}: seal ${height} names state root ${hex(sealed)}, this node computed ${hex(own)}. ` +
        'It stops serving this authority; its disk, memory or rules differ from the others.',
    )
    this.name = 'DivergenceError'
    this.origin = origin
    this.height = height
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 16)
}
