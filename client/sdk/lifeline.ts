import type { ServerMessage } from '../protocol/gateway.pb.js'
import { ClientError } from './errors.ts'
import { type Link, openLink } from './link.ts'
import type { Trust } from './trust.ts'
import type { ClientSettings } from './types.ts'

export interface LifelineEvents {
  linked(link: Link): void
  /** The link is gone; unless `stop` is called now, another one is sought. */
  lost(code: string): void
  message(message: ServerMessage): void
}

/** A gateway says something every second. */
const SILENT_MS = 8_000
/** A link that broke sooner counts as a failure, so that no gateway is hammered. */
const STEADY_MS = 5_000
const OPEN_TIMEOUT_MS = 5_000
const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
/** Another gateway, or another try, would say the same. */
const HOPELESS = new Set(['other-network', 'version', 'bad-grant', 'bad-session'])

/** Keeps one link to one of the gateways, going round among them when it is lost. */
export class Lifeline {
  link: Link | undefined
  /** Links that were open so far. */
  links = 0
  /** Where to play, and whom to believe: told to the next gateway. */
  area: string
  /** The area in which the session was opened, '' before that: its inputs name that one's log, wherever its character goes. */
  home: string
  /** Where the last receipt came from. */
  provenArea = ''
  trust: Trust | undefined
  private readonly settings: ClientSettings
  private readonly events: LifelineEvents
  private gatewayIndex = 0
  /** Links in a row that failed or broke at once. */
  private failures = 0
  private stopped = false
  private heardMs = 0
  private linkedMs = 0

  constructor(settings: ClientSettings, events: LifelineEvents) {
    this.settings = settings
    this.area = settings.area
    this.home = settings.home
    this.trust = settings.trust
    this.events = events
  }

  /** Rejects when no gateway takes the session within `connectTimeoutMs`. */
  async start(): Promise<void> {
    const { nowMs, connectTimeoutMs, gateways } = this.settings
    const deadlineMs = nowMs() + connectTimeoutMs
    while (true) {
      try {
        return await this.connectOnce()
      } catch (error) {
        const hopeless = error instanceof ClientError && HOPELESS.has(error.code)
        if (hopeless || this.stopped || nowMs() >= deadlineMs) throw error
        if (this.failures >= gateways.length) await this.pause()
      }
    }
  }

  stop(): void {
    this.stopped = true
    this.link?.close()
    this.link = undefined
  }

  /** Leaves the gateway, when it is still this one, for another. */
  leave(link: Link, code: string): void {
    if (this.link !== link) return
    link.close()
    this.lost(code)
  }

  /** The same where it may have told a wrong area: back to where the character was for sure, from where it is followed anew. */
  leaveUntrue(link: Link, code: string): void {
    if (this.link !== link) return
    this.area = this.provenArea || this.home || this.area
    this.leave(link, code)
  }

  /** To be called now and then: a link on which nothing is heard is dead. */
  check(): void {
    if (this.link !== undefined && this.settings.nowMs() - this.heardMs >= SILENT_MS) {
      this.leave(this.link, 'silent')
    }
  }

  private async connectOnce(): Promise<void> {
    const { settings } = this
    const url = settings.gateways[this.gatewayIndex % settings.gateways.length]!
    try {
      await openLink({
        url,
        makeSocket: settings.makeSocket,
        player: settings.player,
        session: settings.session.signer,
        area: this.area,
        grantMs: settings.grantMs,
        timeoutMs: Math.min(OPEN_TIMEOUT_MS, settings.connectTimeoutMs),
        trust: this.trust,
        onOpen: link => this.opened(link),
        onMessage: message => {
          this.heardMs = settings.nowMs()
          this.events.message(message)
        },
        onClose: code => this.lost(code),
      })
    } catch (error) {
      this.gatewayIndex++
      this.failures++
      throw error
    }
  }

  private opened(link: Link): void {
    if (this.stopped) {
      link.close()
      return
    }
    this.link = link
    this.links++
    this.heardMs = this.settings.nowMs()
    this.linkedMs = this.heardMs
    this.events.linked(link)
  }

  private lost(code: string): void {
    this.link = undefined
    this.events.lost(code)
    if (this.stopped) return
    this.failures = this.settings.nowMs() - this.linkedMs >= STEADY_MS ? 1 : this.failures + 1
    // The grant of this gateway may just have run out; in all other cases another one is the better bet.
    if (code !== 'grant-expired') this.gatewayIndex++
    void this.reconnect()
  }

  private async reconnect(): Promise<void> {
    while (!this.stopped && this.link === undefined) {
      if (this.failures > this.settings.gateways.length) await this.pause()
      if (this.stopped) return
      try {
        await this.connectOnce()
      } catch {
        // Counted; the next gateway is next.
      }
    }
  }

  /** Longer with each round of failures, and not the same for all who lost the same gateway. */
  private pause(): Promise<void> {
    const rounds = Math.max(0, this.failures - this.settings.gateways.length)
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(10, rounds))
    return new Promise(resolve => setTimeout(resolve, delayMs * (0.5 + this.settings.random() / 2)))
  }
}
