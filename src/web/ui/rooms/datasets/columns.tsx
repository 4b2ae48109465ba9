import type { Column } from '../../../../protocols/model/dataset.ts'
import { Scroll } from '../../parts/scroll.tsx'

/** The schema, with the units and the words of the Virtual Observatory. */
export function Columns({ columns }: { columns: Column[] }) {
  const described = columns.some((column) => column.description !== undefined)
  return (
    <Scroll label="Columns" more="tall">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Unit</th>
            <th scope="col">UCD</th>
            {described && <th scope="col">Description</th>}
          </tr>
        </thead>
        <tbody>
          {columns.map(({ name, type, unit, ucd, description }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>{type}</td>
              <td>{unit ?? ''}</td>
              <td>{ucd ?? ''}</td>
              {described && <td class="wrap">{description ?? ''}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
