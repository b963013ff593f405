import { Command } from 'commander'
import { stateProofOf } from '../client/sdk/state-proofs.ts'
import { badUsage } from '../daemon/config/setup-error.ts'
import { pastStateProof } from './past-state.ts'
import { giveProof, originIn, type ProvingOptions, proveOptions, provingCommand } from './proving.ts'

type Options = ProvingOptions & { readonly authority: string; readonly at?: string }

export function stateCommand(): Command {
  const command = new Command('state').description("prove what is in an authority's state")
  command.addCommand(
    provingCommand('prove', 'a proof that something was so at a final seal, or was not there')
      .argument('<ENTITY>', "an entity's id (32 hex digits), or a player's key (64)")
      .requiredOption('--authority <NAME>', 'as area/0000')
      .option(
        '--at <LEAF|TIME>',
        'at the first seal that was kept behind this leaf, or not before this time, as 2026-11-20T13:50:25Z; the log is replayed up to there (default: the newest seal)',
      )
      .action(prove),
  )
  return command
}

async function prove(entity: string, options: Options): Promise<void> {
  if (!/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(entity))
    throw badUsage('usage', `"${entity}" is no entity: it must be 32 or 64 lower-case hex digits.`)
  const proving = proveOptions(options)
  const target = new Uint8Array(Buffer.from(entity, 'hex'))
  const origin = originIn(proving.trust, options.authority)
  const making =
    options.at === undefined
      ? stateProofOf(origin, target, proving)
      : pastStateProof(origin, target, options.at, proving, options)
  await giveProof(making, options)
}
