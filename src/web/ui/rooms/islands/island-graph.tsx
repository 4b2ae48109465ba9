import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { IslandView } from '../../../../protocols/model/views.ts'
import { CONNECTED, LIVENESS } from '../../text/lists.ts'
import { count } from '../../text/words.ts'
import { enginesOf } from './island-table.tsx'
import { type Layout, layout, type Spot } from './layout.ts'

const RADIUS = 18
const OWN_RADIUS = 24
const MARGIN = { x: 60, top: 26, bottom: 44 }

const stateOf = (island: IslandView) => (island.self ? 'live' : island.liveness)

/** One sentence with all that the drawing of an island shows. */
function sentence(island: IslandView): string {
  const { word } = LIVENESS[stateOf(island)]
  const where = island.self ? 'this island' : `${word}, connection ${CONNECTED[island.connected]}`
  return `${island.name}: ${where}; ${count(island.datasets, 'dataset')}; engines ${enginesOf(island) || 'not known'}`
}

export function IslandGraph({
  islands,
  chosen,
  onChoose,
}: {
  islands: IslandView[]
  chosen: string | undefined
  onChoose: (id: string) => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const size = useSignal({ width: 640, height: 380 })
  const moved = useSignal(0)
  const forces = useRef<Layout | undefined>(undefined)
  void moved.value

  useLayoutEffect(() => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    forces.current = layout(() => moved.value++, !still)
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect
      if (width > 0 && height > 0) size.value = { width, height }
    })
    observer.observe(box.current!)
    return () => {
      observer.disconnect()
      forces.current?.stop()
    }
  }, [])
  const { width, height } = size.value
  useEffect(() => forces.current?.update(islands, width, height), [islands, width, height])

  const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value))
  const at = (spot: Spot) => ({
    x: clamp(width / 2 + (spot.x ?? 0), MARGIN.x, width - MARGIN.x),
    y: clamp(height / 2 + (spot.y ?? 0), MARGIN.top, height - MARGIN.bottom),
  })
  const spots = forces.current?.spots ?? []
  const own = spots.find((spot) => spot.island.self)

  /** Arrow keys go from island to island, in the order of the table. */
  function onKeyDown(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    const now = spots.findIndex((spot) => spot.id === chosen)
    if (step === undefined || spots.length === 0) return
    event.preventDefault()
    const next = spots[(now + step + spots.length) % spots.length]!
    onChoose(next.id)
    const nodes = box.current?.querySelectorAll<SVGGElement>('[role="radio"]') ?? []
    for (const node of nodes) if (node.dataset.island === next.id) node.focus()
  }

  return (
    <div class="graph" ref={box} role="radiogroup" aria-label="Islands" onKeyDown={onKeyDown}>
      <svg viewBox={`0 0 ${width} ${height}`} role="presentation">
        {own !== undefined &&
          spots
            .filter((spot) => spot !== own && spot.island.connected !== 'no')
            .map((spot) => {
              const [from, to] = [at(own), at(spot)]
              return (
                <line
                  key={spot.id}
                  class={`edge ${spot.island.connected}`}
                  x1={from.x}
                  y1={from.y}
                  x2={to.x}
                  y2={to.y}
                />
              )
            })}
        {spots.map((spot) => (
          <Node
            key={spot.id}
            island={spot.island}
            {...at(spot)}
            chosen={spot.id === chosen}
            onChoose={() => onChoose(spot.id)}
          />
        ))}
      </svg>
    </div>
  )
}

function Node({
  island,
  x,
  y,
  chosen,
  onChoose,
}: {
  island: IslandView
  x: number
  y: number
  chosen: boolean
  onChoose: () => void
}) {
  const r = island.self ? OWN_RADIUS : RADIUS
  const state = stateOf(island)
  const languages = island.card?.engines.flatMap((engine) => engine.languages) ?? []
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    onChoose()
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: inside of a drawing there are no inputs
    <g
      class={`node ${state}${island.self ? ' own' : ''}${chosen ? ' is-chosen' : ''}`}
      transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}
      role="radio"
      aria-checked={chosen}
      aria-label={sentence(island)}
      data-island={island.id}
      tabindex={chosen ? 0 : -1}
      onClick={(event) => {
        event.currentTarget.focus()
        onChoose()
      }}
      onKeyDown={onKeyDown}
    >
      <circle class="ring" r={r + 5} />
      <circle class="body" r={r} />
      {state === 'suspect' && <path class="half" d={`M0 ${-r}A${r} ${r} 0 0 0 0 ${r}Z`} />}
      <text class="count" y="4">
        {island.datasets > 999 ? '999+' : island.datasets}
      </text>
      <text class="name" y={r + 17}>
        {island.name.length > 20 ? `${island.name.slice(0, 19)}…` : island.name}
      </text>
      <text class="engines" y={r + 31}>
        {state === 'lost' || state === 'suspect' ? LIVENESS[state].word : languages.join(' · ')}
      </text>
    </g>
  )
}
