import { Problem } from '../../parts/problem.tsx'
import { Scroll } from '../../parts/scroll.tsx'
import { client } from '../../state/client.ts'
import { useLoaded } from '../../state/loaded.ts'
import { cellText, isNumeric } from '../../text/cells.ts'

const ROWS = 20

/** The first rows, read where the data are. */
export function PreviewTable({ id, version }: { id: string; version: string }) {
  const { value, error, busy, again } = useLoaded(`${id} ${version}`, (signal) =>
    client().preview(id, { rows: ROWS }, { signal }),
  )
  if (error !== undefined) return <Problem error={error} onRetry={again} />
  if (value === undefined) return busy ? <p class="waiting">Reading …</p> : null
  return (
    <>
      <Scroll label="First rows">
        <table class="grid cells">
          <thead>
            <tr>
              {value.columns.map((column) => (
                <th scope="col" key={column.name} class={isNumeric(column.type) ? 'n' : undefined}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value.rows.map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) => (
                  <td key={j} class={isNumeric(value.columns[j]?.type) ? 'n' : undefined}>
                    {cell === null ? <span class="null">–</span> : cellText(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {value.ranAt !== undefined && <p class="note">Read at {value.ranAt.name}.</p>}
    </>
  )
}
