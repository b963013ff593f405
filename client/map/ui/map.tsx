import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { StagePorts } from '../canvas/stage.ts'
import { Stage } from '../canvas/stage.ts'

interface Props {
  readonly ports: StagePorts
  readonly onStage: (stage: Stage) => void
  readonly children: ComponentChildren
}

/** The canvas and its buttons. What is drawn comes from the stage, frame by frame, and not through Preact. */
export function MapView({ ports, onStage, children }: Props) {
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const stage = useRef<Stage>(undefined)

  useEffect(() => {
    const made = new Stage(frame.current!, canvas.current!, ports)
    stage.current = made
    onStage(made)
    return () => made.stop()
  }, [ports])

  return (
    <section class="map" aria-label="World map">
      <div
        ref={frame}
        class="map-frame"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes the keyboard (WAI-ARIA 1.2).
        tabIndex={0}
        role="application"
        aria-roledescription="map"
        aria-label="Map of the world"
        aria-describedby="map-summary map-keys"
      >
        <canvas ref={canvas} />
      </div>
      <p id="map-keys" class="visually-hidden">
        Arrow keys move the view, plus and minus zoom, zero shows the town, N and P choose the next or
        previous thing, Escape lets it go.
      </p>
      <fieldset class="zoom" aria-label="View">
        <button type="button" aria-label="Zoom in" onClick={() => stage.current?.zoom(1)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => stage.current?.zoom(-1)}>
          −
        </button>
        <button
          type="button"
          aria-label="Show the town"
          title="Show the town"
          onClick={() => stage.current?.fitTown()}
        >
          ⌂
        </button>
        <button
          type="button"
          aria-label="Show all areas"
          title="Show all areas"
          onClick={() => stage.current?.fitAreas()}
        >
          ▦
        </button>
      </fieldset>
      {children}
    </section>
  )
}
