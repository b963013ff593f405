import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { Series } from '../model/rates.ts'

interface Props {
  readonly title: string
  readonly series: Series
  readonly colour: string
  readonly format: (value: number) => string
}

const HEIGHT_PX = 40

function options(width: number, colour: string): uPlot.Options {
  return {
    width,
    height: HEIGHT_PX,
    padding: [3, 0, 1, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: false }, y: { range: (_plot, _low, high) => [0, Math.max(1, high ?? 0) * 1.1] } },
    series: [
      {},
      { stroke: colour, width: 1.5, fill: `${colour}22`, points: { show: false }, spanGaps: false },
    ],
  }
}

export function Sparkline({ title, series, colour, format }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)

  useEffect(() => {
    const element = host.current!
    const made = new uPlot(options(element.clientWidth || 100, colour), [[], []], element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [colour])

  useEffect(() => {
    plot.current?.setData([[...series.times], [...series.values]])
  }, [series])

  const last = series.values.findLast(value => value !== null)
  const now = last === undefined || last === null ? '–' : format(last)
  return (
    <figure class="spark">
      <figcaption>
        <span class="spark-title">{title}</span>
        <span class="spark-now" data-chart={title}>
          {now}
        </span>
      </figcaption>
      <div
        ref={host}
        class="spark-plot"
        role="img"
        aria-label={`${title} over the last two minutes, now ${now}`}
      />
    </figure>
  )
}
