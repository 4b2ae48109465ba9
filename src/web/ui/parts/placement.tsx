import type { PlacementEntry } from '../../../protocols/model/task.ts'
import { duration } from '../text/words.ts'
import { Scroll } from './scroll.tsx'

const seconds = (s: number | undefined) => (s === undefined ? '–' : duration(s * 1000))

/** Why an island was chosen: every island with its cost and the terms of it, or with the reason why it is none. */
export function Placement({
  entries,
  caption = 'Where it could run',
}: {
  entries: PlacementEntry[]
  caption?: string
}) {
  const terms = [...new Set(entries.flatMap((entry) => entry.terms?.map((term) => term.name) ?? []))]
  return (
    <Scroll label={caption}>
      <table class="grid">
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Island</th>
            <th scope="col">Choice</th>
            <th scope="col" class="n">
              Cost
            </th>
            {terms.map((term) => (
              <th scope="col" class="n" key={term}>
                {term}
              </th>
            ))}
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.island} class={entry.chosen ? 'chosen' : undefined}>
              <th scope="row">{entry.name}</th>
              <td>
                {entry.chosen ? '✓ chosen' : entry.excluded || entry.seconds === undefined ? 'no' : 'alternative'}
              </td>
              <td class="n">{seconds(entry.seconds)}</td>
              {terms.map((name) => {
                const term = entry.terms?.find((t) => t.name === name)
                return (
                  <td class="n" key={name} title={term?.reason}>
                    {seconds(term?.seconds)}
                  </td>
                )
              })}
              <td class="wrap">{entry.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
