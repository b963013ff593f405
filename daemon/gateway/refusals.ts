/** Why a gateway refuses a message, with a sentence for a person; the same codes label the metric. */
export const REFUSALS = {
  malformed: 'The message is not one of this protocol.',
  oversized: 'The message is too long.',
  unauthenticated: 'Open a session first: answer the challenge.',
  'already-open': 'This connection has its session already.',
  version: 'The protocol version is not spoken here.',
  expired: 'The grant has run out, or runs too long.',
  'bad-grant': "The player's signature over the grant is wrong.",
  'bad-session': "The session key's signature is not one over this connection's challenge.",
  'other-session': "The input's player or session is not this connection's.",
  'unknown-area': 'There is no such area.',
  'over-rate': 'Too many messages in too short a time.',
  'no-area': 'This world has no area yet.',
} as const

export type RefusalCode = keyof typeof REFUSALS

/** Why a gateway ends a connection; a WebSocket close code and what the client should do. */
export const CLOSINGS = {
  'handshake-timeout': { wsCode: 4001, text: 'No session was opened in time.' },
  'too-many-offences': { wsCode: 4002, text: 'Too many messages were refused.' },
  'session-replaced': { wsCode: 4003, text: 'The player opened a session on another connection.' },
  'grant-expired': { wsCode: 4004, text: 'The grant has run out: connect anew with a fresh one.' },
  slow: { wsCode: 4005, text: 'The connection is too slow for what it is sent.' },
  refused: { wsCode: 4006, text: 'The session was refused.' },
  full: { wsCode: 4007, text: 'This gateway has all the connections that it takes.' },
  oversized: { wsCode: 1009, text: 'A message was too long.' },
  stopping: { wsCode: 1001, text: 'This gateway is stopping: go to another one.' },
} as const

export type ClosingCode = keyof typeof CLOSINGS
