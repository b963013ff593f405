import { type Quorum, signedVotes } from '../../../consensus/finality/certificate.ts'
import { decodeFrame } from '../../../consensus/finality/frame.ts'
import type { Message } from '../../../consensus/finality/message.ts'
import { viewChangeOf } from '../../../consensus/finality/new-view.ts'
import type { Signed } from '../../../consensus/finality/signed.ts'

export interface Said {
  readonly group: number
  readonly signed: Signed
}

/** All that is signed in a frame, also in what it quotes. */
export function statementsIn(bytes: Uint8Array, from: number): Said[] {
  const frame = decodeFrame(bytes, from)
  if (frame === undefined) return []
  const said: Said[] = [...(frame.batch?.items ?? [])]
  for (const { group, message } of frame.messages) {
    for (const signed of statementsOf(message)) said.push({ group, signed })
  }
  return said
}

function statementsOf(message: Message): Signed[] {
  const quoted = (proof: Quorum | undefined): Signed[] => (proof === undefined ? [] : signedVotes(proof))
  switch (message.type) {
    case 'statement':
      return [message.signed]
    case 'view-change':
      return [message.viewChange.signed, ...quoted(message.viewChange.proof)]
    case 'new-view': {
      const { newView } = message
      const changes = newView.reports.map(report => viewChangeOf(newView, report))
      return [newView.signed, ...changes, ...quoted(newView.proof)]
    }
    case 'certificate':
      return signedVotes(message.certificate)
    case 'evidence':
      return [message.evidence.first, message.evidence.second]
    default:
      return []
  }
}
