import type { IslandView } from '../../../../protocols/model/views.ts'
import { Facts } from '../../parts/facts.tsx'
import { islandById } from '../../state/islands.ts'
import { CONNECTED } from '../../text/lists.ts'
import { clock, number, size } from '../../text/words.ts'
import { LivenessWord } from './island-table.tsx'

const percent = (part: number) => `${Math.round(part * 100)} %`

/** What is known of one island. */
export function IslandDetails({ island }: { island: IslandView }) {
  const { card, load, member } = island
  const place = card?.place
  return (
    <section class="panel" aria-labelledby="island-name">
      <h2 id="island-name">{island.name}</h2>
      <Facts
        of={[
          ['State', <LivenessWord key="state" island={island} />],
          ['Site', card?.site],
          ['Place', place && [place.name, place.country].filter(Boolean).join(', ')],
          ['Connection', island.self ? undefined : CONNECTED[island.connected]],
          ['Round trip', island.self || island.rttMs === undefined ? undefined : `${island.rttMs.toFixed(1)} ms`],
          [
            'Datasets',
            <a key="datasets" href={`/datasets?island=${encodeURIComponent(island.id)}`}>
              {number(island.datasets)}
            </a>,
          ],
          [
            'Engines',
            card && (
              <ul key="engines" class="plain">
                {card.engines.map(({ kind, languages, versions, memoryBytes }) => (
                  <li key={kind}>
                    {kind}:{' '}
                    {languages.map((l) => (versions?.[l] ? `${l} (${versions[l]})` : l)).join(', ') || 'nothing'}
                    {memoryBytes !== undefined && `; ${size(memoryBytes)} a session`}
                  </li>
                ))}
              </ul>
            ),
          ],
          ['Labels', card?.labels?.join(', ')],
          [
            'Load',
            load &&
              `${load.running} running, ${load.waiting} waiting; CPU ${percent(load.cpu)}, memory ${percent(load.memory)}`,
          ],
          ['Member since', clock(member.since)],
          ['Invited by', member.invitedBy && (islandById(member.invitedBy)?.name ?? member.invitedBy)],
          ['Software', card?.software],
          ['Quarantined', island.quarantined && 'yes: two histories were signed with its key'],
          ['Id', <code key="id">{island.id}</code>],
        ]}
      />
    </section>
  )
}
