import { HANDOVER_RECORD, INPUT_RECORD, TICK_RECORD } from '../../world/interface.ts'

/** docs/protocol.md, "Records and the log". */
export const recordKinds = {
  charter: 1,
  attestation: 2,
  input: INPUT_RECORD,
  tick: TICK_RECORD,
  mark: 6,
  seal: 7,
  handover: HANDOVER_RECORD,
} as const
