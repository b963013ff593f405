/** What a failed run says, and which check said it. */
const CHECKS: readonly (readonly [RegExp, string])[] = [
  [/that only \d+ of \d+ disks hold/, 'receipt without a majority of disks'],
  [/was promised twice/, 'two receipts for one input'],
  [/^a read shows/, 'a stale read'],
  [/^forged: /, 'a forged record was decided'],
  [/whom nobody ordered/, 'an epoch was decided that nobody ordered'],
  [/which has ended|by others than the members/, 'decided by who is no member'],
  [/was applied twice/, 'applied twice'],
  [/^lost: |was promised at leaf|has no leaf/, 'promised, and lost'],
  [/both lead group|two leaders of term/, 'two leaders in one term'],
  [/lacks entry \d+, which was committed/, 'a leader without a committed entry'],
  [/gives up entry \d+, which was committed/, 'a committed entry cut off'],
  [/in term \d+, whose leader holds another/, 'acknowledged, and another entry held'],
  [/before that is on its disk/, 'said before it is on the own disk'],
  [/is for n.* holds the lease of/, 'a lease beside a vote for another'],
  [/holds the lease of .* are free/, 'a lease longer than the promises'],
  [/for committed by counting/, 'an older term committed by counting'],
  [/for committed, but that of/, 'two entries committed at one index'],
  [/than somebody else/, 'unequal logs'],
  [/votes for n\d+ and for/, 'two votes in one term'],
  [
    /goes back|past its log|written to a log that ends|after one of term|which no log holds/,
    'a log that contradicts itself',
  ],
  [
    /is shown another entry|passed over before|it applies entry|applies .* not shown/,
    'applied, though the logs hold another',
  ],
  [/makes something else of/, 'unequal results of one entry'],
  [
    /batches are being written|proposed and not committed|are in flight|a channel was closed for/,
    'a queue over its limit',
  ],
  [/names state root|names another state/, 'another state root'],
  [/the log of .* differs|has another record at leaf/, 'unequal logs'],
  [/is decided, and the log has/, 'a decision that the log contradicts'],
  [/without a lease/, 'a vote without a lease'],
  [/a state of the directory that/, 'a state of the directory that nobody decided'],
  [/are anchored$|is anchored after/, 'anchors that contradict each other'],
  [/is final before it is anchored/, 'final before it is anchored'],
  [/is decided, and another one is|is no child of the one below/, 'two chains'],
  [/begins at \d+, below seal/, 'a view that begins below what was decided'],
  [/members of .* differs/, 'unequal members'],
  [/seal \d+ of .* differs/, 'unequal seals'],
  [/equal logs and other states/, 'equal logs, unequal states'],
  [/ghosts? of/, "a ghost that isn't its owner's entity"],
  [/no progress/, 'no progress'],
  [/inputs are unanswered/, 'inputs are unanswered'],
  [/not settled/, 'not settled'],
  [/was refused|called applied|receipts (for \S+ )?are/, 'a wrong answer'],
  [/is over its limit/, 'a queue over its limit'],
  [/is damaged|is missing|past-log|has applied entry|is broken/, 'a disk that cannot be read back'],
  [/halted on/, 'a replica that halted'],
]

/** Undefined when no check speaks so: what failed is something else, like the bug's own syntax. */
export function checkOf(message: string): string | undefined {
  const [first = ''] = message.split('\n')
  return CHECKS.find(([pattern]) => pattern.test(first))?.[1]
}
