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

/** Why a gateway ends a connection: the reason's text, and its WebSocket close code. */
export const CLOSINGS = {
  /** No session was opened in time. */
  'handshake-timeout': 4001,
  'too-many-offences': 4002,
  /** The player opened a session on another connection. */
  'session-replaced': 4003,
  /** The client comes back with a fresh grant. */
  'grant-expired': 4004,
  /** It didn't take what it was sent. */
  slow: 4005,
  /** The session wasn't opened; a problem message said why. */
  refused: 4006,
  /** This gateway has all the connections that it takes. */
  full: 4007,
  /** This gateway goes; another one should be taken. */
  stopping: 1001,
} as const

export type ClosingCode = keyof typeof CLOSINGS
