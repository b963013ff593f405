import type { EntityView } from '../../../world/codec.ts'
import type { Point } from './motion.ts'

/** What this page asks of the SDK, so that what decides here can be tested without a gateway. */

/** What one link sees, always as of now. */
export interface Sight {
  /** The area seen, '' before the first view. */
  readonly area: string
  /** The area's guessed tick, with its fraction. */
  readonly tick: number
  readonly entities: ReadonlyMap<string, EntityView>
}

export interface LinkListener {
  onOpen(sight: Sight): void
  /** Called once, whatever ended it. `reason` is for a person. */
  onClose(reason: string): void
}

export interface Region extends Point {
  readonly area: string
  readonly radiusMm: number
}

export interface SpectatorLink {
  watch(region: Region): void
  /** `onClose` isn't called. */
  close(): void
}

export type Spectate = (gatewayUrl: string, region: Region, listener: LinkListener) => SpectatorLink
