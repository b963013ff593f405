import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Labels = Readonly<Record<string, string>>

/** Label values past this many series of one metric are counted under `other`: a peer must not fill the memory. */
const MAX_SERIES = 200
const MAX_METRICS = 500
const MAX_LABEL_CHARS = 64
const LATENCY_BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

export interface Metrics {
  /**
   * The counting port of code that decides. The name is short, such as `gateway_refused`: it is shown as
   * `freehold_gateway_refused_total`. The same name always comes with the same label names.
   */
  count(name: string, labels?: Labels, by?: number): void
  /** A duration, shown as the histogram `freehold_<name>_seconds`. */
  observe(name: string, seconds: number): void
  /** A value that is read at each scrape, shown as `freehold_<name>`. */
  gauge(name: string, help: string, read: () => number): void
  /** The same with labels: one value for each set of them. */
  gauges(name: string, help: string, labelNames: readonly string[], read: () => readonly GaugeValue[]): void
  /** What several gauges are read from: it is made once at each scrape. */
  perScrape<T>(read: () => T): () => T
  /** What a counter has counted under these labels; for tests and for status. */
  counted(name: string, labels?: Labels): Promise<number>
  /** The exposition for Prometheus. */
  text(): Promise<string>
  readonly contentType: string
}

export interface GaugeValue {
  readonly labels: Labels
  readonly value: number
}

interface Family {
  readonly counter: Counter
  readonly labelNames: readonly string[]
  readonly series: Set<string>
}

export function createMetrics(options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (options.process !== false) collectDefaultMetrics({ register: registry })
  const families = new Map<string, Family>()
  const histograms = new Map<string, Histogram>()
  let scrapes = 0

  const familyOf = (name: string, labels: Labels): Family | undefined => {
    const known = families.get(name)
    if (known !== undefined) return known
    if (families.size >= MAX_METRICS) return undefined
    const labelNames = Object.keys(labels).sort()
    const counter = new Counter({
      name: counterName(name),
      help: sentence(name),
      labelNames,
      registers: [registry],
    })
    const family = { counter, labelNames, series: new Set<string>() }
    families.set(name, family)
    return family
  }

  return {
    contentType: registry.contentType,
    text() {
      scrapes++
      return registry.metrics()
    },
    perScrape<T>(read: () => T): () => T {
      let last: { readonly scrape: number; readonly value: T } | undefined
      return () => {
        if (last?.scrape !== scrapes) last = { scrape: scrapes, value: read() }
        return last.value
      }
    },
    count(name, labels = {}, by = 1) {
      const family = familyOf(name, labels)
      family?.counter.inc(boundedLabels(family, labels), by)
    },
    observe(name, seconds) {
      let histogram = histograms.get(name)
      if (histogram === undefined) {
        const shown = { name: `freehold_${clean(name)}_seconds`, help: sentence(name) }
        histogram = new Histogram({ ...shown, buckets: LATENCY_BUCKETS_SECONDS, registers: [registry] })
        histograms.set(name, histogram)
      }
      histogram.observe(seconds)
    },
    gauge(name, help, read) {
      this.gauges(name, help, [], () => [{ labels: {}, value: read() }])
    },
    gauges(name, help, labelNames, read) {
      new Gauge({
        name: `freehold_${clean(name)}`,
        help,
        labelNames,
        registers: [registry],
        collect() {
          this.reset()
          for (const { labels, value } of read().slice(0, MAX_SERIES)) this.set({ ...labels }, value)
        },
      })
    },
    async counted(name, labels = {}) {
      const values = (await families.get(name)?.counter.get())?.values ?? []
      const same = values.filter(({ labels: own }) =>
        Object.entries(labels).every(([key, value]) => own[key] === value),
      )
      return same.reduce((sum, { value }) => sum + value, 0)
    },
  }
}

function boundedLabels(family: Family, labels: Labels): Record<string, string> {
  if (family.labelNames.length === 0) return {}
  const bounded = Object.fromEntries(
    family.labelNames.map(name => [name, (labels[name] ?? '').slice(0, MAX_LABEL_CHARS)]),
  )
  const series = Object.values(bounded).join('\0')
  if (family.series.has(series)) return bounded
  if (family.series.size >= MAX_SERIES)
    return Object.fromEntries(family.labelNames.map(name => [name, 'other']))
  family.series.add(series)
  return bounded
}

function clean(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^freehold_/, '')
}

function counterName(name: string): string {
  return `freehold_${clean(name).replace(/_total$/, '')}_total`
}

function sentence(name: string): string {
  return clean(name)
    .replace(/_total$/, '')
    .replaceAll('_', ' ')
}
