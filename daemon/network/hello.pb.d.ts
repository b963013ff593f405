import type { PbfReader, PbfWriter } from 'pbf'

export interface Hello {
  genesisHash: Uint8Array | undefined
  minProtocol: number
  maxProtocol: number
  role: string
  softwareVersion: string
  addresses: string[]
  observed: string
}

export interface Verdict {
  code: string
  reason: string
}

export interface Greeting {
  hello: Hello | undefined
  verdict: Verdict | undefined
}

export function readGreeting(pbf: PbfReader, end?: number): Greeting
export function writeGreeting(greeting: Greeting, pbf: PbfWriter): void
