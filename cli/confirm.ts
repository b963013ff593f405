import { createInterface } from 'node:readline/promises'
import { SetupError } from '../daemon/config/setup-error.ts'
import { say } from './output.ts'

/** Says what will be done, and asks. @throws SetupError `not-confirmed` for any other answer than yes */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new SetupError('not-confirmed', `${question} Nobody is there to answer: say --yes.`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${question} Type yes: `)
    if (answer.trim().toLowerCase() !== 'yes') throw new SetupError('not-confirmed', 'Nothing was done.')
  } finally {
    lines.close()
  }
  say('')
}
