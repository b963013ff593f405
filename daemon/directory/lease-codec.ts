/** "I ask for a lease": nonce 8. Who asks is whoever the channel is from. */
export const leaseProtocol = 'lease/1'
export const nonceBytes = 8

export function isNonce(frame: Uint8Array): boolean {
  return frame.length === nonceBytes
}
