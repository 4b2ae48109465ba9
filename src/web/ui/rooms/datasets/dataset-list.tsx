import type { DatasetView } from '../../../../protocols/model/views.ts'
import { Scroll } from '../../parts/scroll.tsx'
import { datasetPath } from '../../state/router.ts'
import { number, size } from '../../text/words.ts'

export function DatasetList({ items, busy }: { items: DatasetView[]; busy: boolean }) {
  return (
    <Scroll label="Datasets found" more="panel" busy={busy}>
      <table class="grid list">
        <thead>
          <tr>
            <th scope="col">Dataset</th>
            <th scope="col">Format</th>
            <th scope="col" class="n">
              Rows
            </th>
            <th scope="col" class="n">
              Size
            </th>
            <th scope="col">Publisher</th>
            <th scope="col">Held by</th>
            <th scope="col">Keywords</th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ id, publisher, body, holders }) => (
            <tr key={`${publisher.id} ${id}`}>
              <th scope="row" class="wrap">
                <a href={datasetPath(id)}>{body.title}</a>
                <div class="sub">{body.name}</div>
              </th>
              <td>{body.format}</td>
              <td class="n">{body.rows === undefined ? '–' : number(body.rows)}</td>
              <td class="n">{size(body.size)}</td>
              <td>{publisher.name}</td>
              <td>
                {holders
                  .map((holder) => (holder.state === 'available' ? holder.name : `${holder.name} (${holder.state})`))
                  .join(', ') || 'nobody'}
              </td>
              <td class="wrap">{body.keywords.join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
