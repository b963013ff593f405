/** Every name that the network counts under, in one place; the labels are in the comments. */
export const counted = {
  /** `{code, by}`: by `us` or by `them`. */
  handshakeRefused: 'network_handshake_refused',
  /** `{protocol}` */
  frameTooLarge: 'network_frame_too_large',
  /** `{protocol, code}`: over the limit, from a peer that has not passed the handshake, send queue full. */
  channelRefused: 'network_channel_refused',
  /** `{protocol}`: the other side does not speak it. */
  unknownProtocol: 'network_unknown_protocol',
  /** `{where}` */
  malformed: 'network_malformed',
  /** `{topic, code}` */
  gossipRefused: 'network_gossip_refused',
  /** `{where, code}`: questions whether this node can dial somebody, and news of addresses. */
  reachRefused: 'network_reach_refused',
  /** `{outcome}`: `connected` or `failed`. */
  dialled: 'network_dialled',
  /** `{event}`: `up` or `down`. */
  peer: 'network_peer',
} as const
