/** What a failed run says, and which check said it. */
const CHECKS: readonly (readonly [RegExp, string])[] = [
  [/that only \d+ of \d+ disks hold/, 'receipt without a majority of disks'],
  [/was promised twice/, 'two receipts for one input'],
  [/was applied twice/, 'applied twice'],
  [/^lost: |was promised at leaf|has no leaf/, 'promised, and lost'],
  [/both lead group/, 'two leaders in one term'],
  [/names state root|names another state/, 'another state root'],
  [/the log of .* differs|has another record at leaf/, 'unequal logs'],
  [/seal \d+ of .* differs/, 'unequal seals'],
  [/equal logs and other states/, 'equal logs, unequal states'],
  [/ghosts? of/, "a ghost that isn't its owner's entity"],
  [/no progress/, 'no progress'],
  [/unanswered inputs/, 'unanswered inputs'],
  [/not settled/, 'not settled'],
  [/was refused|called applied|receipt for \d+ is/, 'a wrong answer'],
  [/is over its limit/, 'a queue over its limit'],
  [/is damaged|is missing|past-log|has applied entry|is broken/, 'a disk that cannot be read back'],
  [/halted on/, 'a replica that halted'],
]

/** Undefined when no check speaks so: what failed is something else, like the bug's own syntax. */
export function checkOf(message: string): string | undefined {
  const [first = ''] = message.split('\n')
  return CHECKS.find(([pattern]) => pattern.test(first))?.[1]
}
