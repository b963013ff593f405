/** What `log prove` and `state prove` have in common. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { verifyEd25519 } from '../audit/crypto.ts'
import { writeDurably } from '../audit/durable-file.ts'
import { readGenesis } from '../audit/genesis.ts'
import { proofTrust } from '../audit/verify-proof.ts'
import type { ProofTrust } from '../client/protocol/proof.ts'
import { ClientError } from '../client/sdk/errors.ts'
import { nodeSource } from '../client/sdk/node-source.ts'
import type { ProveOptions } from '../client/sdk/proofs.ts'
import { badUsage, EXIT, type ExitCode, SetupError } from '../daemon/config/setup-error.ts'
import { asSetupError } from './audit-errors.ts'
import { grantOf, withGrant } from './grant-file.ts'
import { nodeApi, type ReadCommandOptions, readCommand } from './node-api.ts'
import { wholeNumber } from './numbers.ts'
import { print } from './output.ts'
import { configOf } from './settings-options.ts'
import { endWithWord } from './signals.ts'
import { verifyHint } from './verify-hint.ts'

export type ProvingOptions = ReadCommandOptions & { readonly out?: string; readonly wait: number }

const defaultWaitS = 15

export function provingCommand(name: string, description: string): Command {
  return withGrant(readCommand(name, description, ['network', 'dataDir', 'genesis']))
    .option('--out <FILE>', 'write it to this file (default: print it)')
    .option('--wait <SECONDS>', 'how long it may take to become final', wholeNumber(1, 600), defaultWaitS)
}

/** The node that is asked, and what its answers are checked against. */
export function proveOptions(options: ProvingOptions): ProveOptions {
  return {
    source: nodeSource(nodeApi(options).root, grantOf(options)),
    trust: trustOf(options),
    waitMs: options.wait * 1000,
    checks: { ed25519: verifyEd25519, mlDsa44: undefined },
  }
}

function trustOf(options: ProvingOptions): ProofTrust {
  try {
    return proofTrust(readGenesis(configOf(options).genesis))
  } catch (error) {
    asSetupError(error)
  }
}

/** @param name as `area/0000`, or the log's origin */
export function originIn(trust: ProofTrust, name: string): string {
  const origins = [...trust.founders.keys()]
  const origin = origins.find(it => it === name || it.startsWith(`${trust.network}/${name}/`))
  if (origin === undefined)
    throw badUsage('unknown-authority', `The genesis file knows no authority ${name}.`)
  return origin
}

/** Prints the proof, or writes it to a file, whole or not at all. */
export async function giveProof(making: Promise<string>, options: ProvingOptions): Promise<void> {
  endWithWord(() => 'no proof was made, and nothing is kept.')
  const proof = await making.catch(asExit)
  const { out } = options
  if (out === undefined) return print({ proof }, options, () => proof.trimEnd())
  writeDurably(resolve(out), proof)
  print({ file: resolve(out) }, options, () => `It is final. To verify: ${verifyHint(out, options)}`)
}

const exits: Readonly<Record<string, ExitCode>> = {
  unreachable: EXIT.unreachable,
  'not-logged': EXIT.verificationFailed,
  'bad-proof': EXIT.verificationFailed,
  'other-network': EXIT.verificationFailed,
}

function asExit(error: unknown): never {
  if (!(error instanceof ClientError)) throw error
  throw new SetupError(error.code, error.message, exits[error.code] ?? EXIT.failed)
}
