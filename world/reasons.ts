/** Reason codes: the wire number is the index and never changes; new ones go at the end. */
const TABLE = [
  ['ok', 'It was done.'],
  ['malformed', 'The bytes are not an input.'],
  ['unknown-action', 'There is no such action in these rules.'],
  ['bad-name', 'A name is 1 to 24 letters, digits, "-" or "_".'],
  ['gap', 'An earlier input of this session is missing.'],
  ['duplicate', 'This input was applied before.'],
  ['no-session', 'This session is not open here: its first input must be spawn with seq 1.'],
  ['session-closed', 'This player has opened a session of a higher number here.'],
  ['area-full', 'No more characters fit into this area.'],
  ['stale-tick', 'The tick is not after the last one.'],
  ['asleep', 'Your character sleeps: spawn wakes it.'],
  ['already-here', 'Your character is already awake here.'],
  ['dead', 'Your character is dead and will come back by itself.'],
  ['too-fast', 'That is faster than a character can run.'],
  ['at-border', "The area's border is in the way."],
  ['unknown-target', 'There is nothing with that id here.'],
  ['wrong-kind', "That can't be done to this kind of thing."],
  ['out-of-reach', 'It is too far away.'],
  ['empty', 'Nothing is left there; some of it grows again.'],
  ['cooldown', 'It is too soon to do that again.'],
  ['inventory-full', 'Your character can carry no more.'],
  ['not-enough', "Your character doesn't carry what that costs."],
  ['outside-area', 'The place is not inside this area.'],
  ['overlap', 'Something stands there already.'],
  ['protected', 'Nothing is built this close to a spawn point.'],
  ['bad-signature', "The player's own signature is missing or wrong."],
  ['too-many-structures', 'No more structures fit into this area.'],
  ['self', "A character can't strike itself."],
  ['target-dead', 'It is dead already.'],
  ['target-asleep', "A sleeping character can't be struck."],
  ['in-combat', "A character can't leave in the middle of a fight."],
  ['other-log', 'This input was made for another log.'],
  ['session-ahead', "The session's number is too far ahead of the area's clock."],
  ['crossing', 'Your character is on its way into another area.'],
  ['moved', 'Your character is in another area now.'],
  ['not-admitted', 'The directory knows no node with this identity: somebody has to admit it.'],
  ['banned', 'The operators have banned this node.'],
  ['retired', 'This node has left the network: it has to be admitted again.'],
  ['forged', "The node's own signature is missing or wrong."],
  ['unknown-node', 'The directory knows no such node.'],
  ['unknown-authority', 'The directory knows no such authority.'],
  ['not-a-member', 'Only who holds an authority can report of it.'],
  ['bad-certificate', "That is no certificate by a quorum of the authority's members of that epoch."],
  ['older-anchor', 'A certificate of that height, or a later one, is anchored already.'],
  ['rival-anchor', 'Another certificate of that height is anchored, and only one can be.'],
  ['ended-epoch', 'That epoch of the authority has ended.'],
  ['epoch-ahead', 'The certificate that begins that epoch has to be anchored first.'],
  ['not-ordered', 'It names members whom the directory has not ordered.'],
  ['not-open', 'Only operators admit nodes here.'],
  ['bad-endorsement', 'The node did not endorse these keys.'],
  ['key-taken', 'Another node has one of these keys.'],
  ['known-node', 'The directory knows this node already.'],
  ['too-many-nodes', 'No more nodes fit, or this one has brought in as many as it may.'],
  ['nonce-used', 'This command was given before.'],
  ['nonce-expired', 'The time of this command has passed.'],
  ['nonce-ahead', 'This command would be good for too long.'],
  ['too-many-nonces', 'Too many commands have not expired yet.'],
  ['no-quorum', 'Fewer than a majority of the operators have signed the command.'],
  ['no-effect', 'That would change nothing.'],
  ['tile-held', 'That tile is held already.'],
  ['not-a-base-tile', 'There is no such base tile.'],
  ['too-many-authorities', 'No more authorities fit.'],
  ['too-many-inputs', 'This node has asked for too much that came to nothing: it can go on in some seconds.'],
  ['not-asked', 'The directory does not ask this node, or not any more, what it holds of that authority.'],
  ['bad-proof', "Those are no votes by a quorum of the authority's members of that epoch."],
] as const

export type OutcomeCode = (typeof TABLE)[number][0]
export type ReasonCode = Exclude<OutcomeCode, 'ok'>

/** Why something was not done, with the facts that belong to the code. */
export interface Refusal {
  readonly code: ReasonCode
  /** The seq that would be right (`gap`) or the last one applied (`duplicate`). */
  readonly seq?: number
}

const numbers = new Map<OutcomeCode, number>(TABLE.map(([code], number) => [code, number]))

export const codeNumber = (code: OutcomeCode): number => numbers.get(code)!
export const codeOfNumber = (number: number): OutcomeCode | undefined => TABLE[number]?.[0]
/** One sentence for a person. */
export const reasonText = (code: OutcomeCode): string => TABLE[codeNumber(code)]![1]
/** All codes, in the order of their wire numbers. */
export const OUTCOME_CODES: readonly OutcomeCode[] = TABLE.map(([code]) => code)

/** Outcomes of inputs that changed nothing and used no seq: not remembered, and not promised to anybody. */
const NOT_CONSUMED: ReadonlySet<OutcomeCode> = new Set([
  'gap',
  'duplicate',
  'no-session',
  'session-closed',
  'session-ahead',
  'area-full',
  'crossing',
  'moved',
  'not-admitted',
  'banned',
  'retired',
  'forged',
  'too-many-inputs',
])
/** Whether an input with this outcome was applied: it has used its seq, whatever it was answered. */
export const isConsumed = (code: OutcomeCode): boolean => !NOT_CONSUMED.has(code)
