import type { GatewayLimits } from './limits.ts'

type AdmissionLimits = Pick<GatewayLimits, 'maxConnections' | 'maxPerAddress' | 'maxLoopback'>

/** Counts connections, in total and by address, and says who may still come in. */
export class Admission {
  private readonly limits: AdmissionLimits
  private readonly perAddress = new Map<string, number>()
  private total = 0

  constructor(limits: AdmissionLimits) {
    this.limits = limits
  }

  /** Whether the address may connect; if so it is counted until `release`. */
  admit(address: string): boolean {
    const { maxConnections, maxPerAddress, maxLoopback } = this.limits
    const here = this.perAddress.get(address) ?? 0
    if (this.total >= maxConnections || here >= (isLoopback(address) ? maxLoopback : maxPerAddress))
      return false
    this.total++
    this.perAddress.set(address, here + 1)
    return true
  }

  release(address: string): void {
    const left = (this.perAddress.get(address) ?? 1) - 1
    this.total--
    if (left > 0) this.perAddress.set(address, left)
    else this.perAddress.delete(address)
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}
