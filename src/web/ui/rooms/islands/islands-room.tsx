import { useSignal } from '@preact/signals'
import { Heading } from '../../parts/heading.tsx'
import { islandById, islands, islandsLoaded } from '../../state/islands.ts'
import { navigate } from '../../state/router.ts'
import { count } from '../../text/words.ts'
import { IslandDetails } from './island-details.tsx'
import { IslandGraph } from './island-graph.tsx'
import { IslandTable } from './island-table.tsx'
import { LivyPanel } from './livy-panel.tsx'

/** All islands: as a graph that moves with them, and the same facts as a table. */
export function IslandsRoom({ rest }: { rest: string[] }) {
  const chosen = useSignal<string | undefined>(rest[0])
  const list = islands.value
  const live = list.filter((island) => island.liveness === 'live' || island.self).length
  const island = (chosen.value && islandById(chosen.value)) || list.find((i) => i.self)
  const choose = (id: string) => {
    chosen.value = id
    navigate(`/islands`, { replace: true })
  }
  return (
    <>
      <Heading title="Islands">
        <p role="status">{islandsLoaded.value ? `${count(list.length, 'island')}, ${live} live` : 'Asking …'}</p>
      </Heading>
      <div class="islands">
        <section class="panel graph-panel" aria-label="Graph of the islands">
          <IslandGraph islands={list} chosen={island?.id} onChoose={choose} />
          <p class="legend">
            <span>● live</span>
            <span>◐ suspect</span>
            <span>○ lost</span>
            <span>◌ unknown</span>
            <span>
              <svg class="line-key" viewBox="0 0 24 8" aria-hidden="true">
                <path class="edge direct" d="M0 4h24" />
              </svg>{' '}
              direct
            </span>
            <span>
              <svg class="line-key" viewBox="0 0 24 8" aria-hidden="true">
                <path class="edge relayed" d="M0 4h24" />
              </svg>{' '}
              relayed
            </span>
          </p>
        </section>
        {island !== undefined && <IslandDetails island={island} />}
        <section class="panel wide" aria-label="Table of the islands">
          <IslandTable islands={list} chosen={island?.id} onChoose={choose} />
        </section>
        {island?.self && <LivyPanel />}
      </div>
    </>
  )
}
