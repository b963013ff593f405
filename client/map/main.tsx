import { getPublicKey, hashes } from '@noble/ed25519'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { render } from 'preact'
import { askHttp } from '../protocol/http.ts'
import { browserPorts } from './model/poller.ts'
import { Page } from './page.ts'
import { enter, spectate } from './sdk-link.ts'
import { App } from './ui/app.tsx'

hashes.sha512 = sha512

/** Storage may be forbidden: even asking for it throws then. */
function storageOf(): Storage | undefined {
  try {
    return window.localStorage
  } catch {
    return undefined
  }
}

const page = new Page({
  ...browserPorts,
  home: location.origin,
  storage: storageOf(),
  spectate,
  enter,
  async fetchBytes(url) {
    const { status, body, isWhole } = await askHttp(url, { timeoutMs: 10_000, maxBytes: 16 * 1024 * 1024 })
    if (status !== 200 || !isWhole) throw new Error(`${url} answered ${status}.`)
    return body
  },
  sha256,
  publicKeyOf: getPublicKey,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
})

render(<App page={page} />, document.getElementById('app')!)
