import type { IslandView } from '../../../../protocols/model/views.ts'
import { Scroll } from '../../parts/scroll.tsx'
import { CONNECTED, LIVENESS } from '../../text/lists.ts'
import { ago, number } from '../../text/words.ts'

export function enginesOf({ card }: IslandView): string {
  const engines = card?.engines.filter((engine) => engine.kind !== 'disabled') ?? []
  if (engines.length === 0) return card === undefined ? '' : 'none'
  return engines.map(({ kind, languages }) => `${kind} (${languages.join(', ')})`).join('; ')
}

export function LivenessWord({ island }: { island: IslandView }) {
  const { word, mark } = LIVENESS[island.self ? 'live' : island.liveness]
  return (
    <span class={`live-${island.self ? 'live' : island.liveness}`}>
      <span aria-hidden="true">{mark} </span>
      {island.self ? 'this one' : word}
    </span>
  )
}

export function IslandTable({
  islands,
  chosen,
  onChoose,
}: {
  islands: IslandView[]
  chosen: string | undefined
  onChoose: (id: string) => void
}) {
  return (
    <Scroll label="Islands">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col">Connection</th>
            <th scope="col" class="n">
              Round trip
            </th>
            <th scope="col">Engines</th>
            <th scope="col" class="n">
              Running
            </th>
            <th scope="col" class="n">
              Datasets
            </th>
            <th scope="col">Last sign of life</th>
          </tr>
        </thead>
        <tbody>
          {islands.map((island) => (
            <tr key={island.id} class={island.id === chosen ? 'chosen' : undefined}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  aria-pressed={island.id === chosen}
                  onClick={() => onChoose(island.id)}
                >
                  {island.name}
                </button>
              </th>
              <td>
                <LivenessWord island={island} />
                {island.quarantined && <span class="warn"> quarantined</span>}
              </td>
              <td>{island.self ? '–' : CONNECTED[island.connected]}</td>
              <td class="n">{island.self || island.rttMs === undefined ? '–' : `${island.rttMs.toFixed(0)} ms`}</td>
              <td>{enginesOf(island) || '–'}</td>
              <td class="n">{island.load === undefined ? '–' : number(island.load.running)}</td>
              <td class="n">{number(island.datasets)}</td>
              <td>{island.self ? 'now' : island.lastSeen === undefined ? '–' : ago(island.lastSeen)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
