import type { DatasetView } from '../../../../protocols/model/views.ts'
import { islandById } from '../../state/islands.ts'
import { LivenessWord } from '../islands/island-table.tsx'

/** The islands that say they hold it, and whether they are there now. */
export function Holders({ view }: { view: DatasetView }) {
  if (view.holders.length === 0) return <p class="nothing">No island says that it holds these data now.</p>
  return (
    <>
      {view.lost === undefined ? null : (
        <p role="alert">
          {view.lost === 'all'
            ? 'Lost: no island has a file of this version any more.'
            : 'No island has all of this version any more, only parts.'}
        </p>
      )}
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Island</th>
            <th scope="col">Replica</th>
            <th scope="col">Island is</th>
            <th scope="col">Version</th>
          </tr>
        </thead>
        <tbody>
          {view.holders.map(({ island, name, state, version }) => {
            const known = islandById(island)
            return (
              <tr key={island}>
                <th scope="row">{name}</th>
                <td>{state}</td>
                <td>{known === undefined ? 'unknown' : <LivenessWord island={known} />}</td>
                <td>{version === view.body.version ? 'this' : <code>{version.slice(0, 12)}</code>}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </>
  )
}
