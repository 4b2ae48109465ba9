import type { AttemptView } from '../../../../protocols/model/views.ts'
import { Scroll } from '../../parts/scroll.tsx'
import { StateBadge } from '../../parts/state-badge.tsx'
import { clock, duration } from '../../text/words.ts'

export function Attempts({ attempts }: { attempts: AttemptView[] }) {
  return (
    <Scroll label="Attempts">
      <table class="grid">
        <caption>Attempts</caption>
        <thead>
          <tr>
            <th scope="col" class="n">
              No
            </th>
            <th scope="col">Island</th>
            <th scope="col">State</th>
            <th scope="col">Started</th>
            <th scope="col" class="n">
              Took
            </th>
            <th scope="col">Why it ended</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map(({ number, name, state, started, ended, error }) => (
            <tr key={number}>
              <th scope="row" class="n">
                {number}
              </th>
              <td>{name}</td>
              <td>
                <StateBadge state={state} />
              </td>
              <td>{clock(started)}</td>
              <td class="n">{ended === undefined ? '–' : duration(Date.parse(ended) - Date.parse(started))}</td>
              <td class="wrap">{error === undefined ? '' : `${error.message} (${error.code})`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
