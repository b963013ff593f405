import { reasonText } from '../../world/codec.ts'
import type { DirectoryAction } from '../../world/directory/codec/input.ts'
import type { CommandAnswer } from '../directory/commands.ts'
import { actionOf, commandProblem, parseCommandFile } from '../operators/command-file.ts'
import type { CommandResultView } from './directory-view.ts'
import { badRequest, HttpError } from './errors.ts'

/** Hands a command to the directory. */
export type BringCommand = (
  origin: string,
  action: Extract<DirectoryAction, { kind: 'command' }>,
) => Promise<CommandAnswer | { readonly kind: 'other-network' }>

/** A command file, as `freehold network` posts it. What it says is for whoever signed it: bringing it takes no right. */
export async function bringCommand(body: unknown, bring: BringCommand): Promise<CommandResultView> {
  const file = parseCommandFile(typeof body === 'string' ? body : '')
  if (typeof file === 'string') {
    const { code, message } = commandProblem(file, 'This')
    throw new HttpError(400, code, message)
  }
  const answer = await bring(file.origin, actionOf(file))
  switch (answer.kind) {
    case 'decided': {
      const { code, leaf, value } = answer.outcome
      return { code, message: reasonText(code), leaf, value: value ?? null, isFinal: answer.isFinal }
    }
    case 'busy':
      throw new HttpError(503, 'busy', 'Other commands wait at this node: try again in a moment.')
    case 'unanswered':
      throw new HttpError(
        504,
        'unanswered',
        'The directory has not answered yet. The command may still be carried out; bring it again to hear of it: it is done once.',
      )
    case 'other-network':
      throw badRequest(`The command is for ${file.origin}, which is not this network's directory.`)
  }
}
