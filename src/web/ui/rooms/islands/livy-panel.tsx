import { useSignal } from '@preact/signals'
import type { LivyEntryView } from '../../../../protocols/model/views.ts'
import { Action } from '../../parts/action.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Scroll } from '../../parts/scroll.tsx'
import { client } from '../../state/client.ts'
import { useLoaded } from '../../state/loaded.ts'
import { may } from '../../state/session.ts'
import { clock } from '../../text/words.ts'

/** Entries that are shown; `archipel livy list` has all. */
const SHOWN = 50
const OVER = new Set(['dead', 'killed', 'success', 'error'])

/** The Livy endpoint of this island: its address, and what it runs, wherever that is. Nothing where there is none. */
export function LivyPanel() {
  const { value, error, busy, again } = useLoaded('livy', (signal) => client().livy.list({ limit: SHOWN }, { signal }))
  if (error !== undefined) return <Problem error={error} onRetry={again} />
  if (value?.endpoint === undefined) return null
  const address = location.origin + value.endpoint
  return (
    <section class="panel wide" aria-labelledby="livy-name">
      <h2 id="livy-name">Livy</h2>
      <div class="toolbar">
        <code class="grow">{address}</code>
        <Copy text={address} />
        <button type="button" class="quiet" disabled={busy} onClick={again}>
          Look again
        </button>
      </div>
      <p class="note">
        In sparkmagic: <code>{`%spark add -s sky -l python -u ${address} -t Basic_Access -a you -p <token>`}</code>. A
        token comes from <code>archipel token create</code>.
      </p>
      {value.items.length === 0 ? (
        <p class="nothing">No sessions and no batches.</p>
      ) : (
        <Scroll label="Sessions and batches of Livy">
          <Entries of={value.items} onChanged={again} />
        </Scroll>
      )}
      {value.total > value.items.length && (
        <p class="note">
          The newest {SHOWN} of {value.total}.
        </p>
      )}
    </section>
  )
}

function Entries({ of, onChanged }: { of: LivyEntryView[]; onChanged: () => void }) {
  return (
    <table class="grid list">
      <thead>
        <tr>
          {['Livy', 'State', 'Kind', 'User', 'Runs at', 'Began'].map((word) => (
            <th key={word} scope="col">
              {word}
            </th>
          ))}
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {of.map((entry) => (
          <Entry key={`${entry.type} ${entry.id}`} entry={entry} onChanged={onChanged} />
        ))}
      </tbody>
    </table>
  )
}

function Entry({ entry, onChanged }: { entry: LivyEntryView; onChanged: () => void }) {
  const name = `${entry.type} ${entry.id}`
  return (
    <tr>
      <th scope="row">
        {name}
        {entry.name !== undefined && <div class="sub">{entry.name}</div>}
      </th>
      <td>{entry.state}</td>
      <td>{entry.kind ?? '–'}</td>
      <td>{entry.owner}</td>
      <td class="wrap">
        {entry.island.name}
        <div class="sub">{entry.why}</div>
      </td>
      <td>{clock(entry.created)}</td>
      <td>
        <Action
          label={`End ${name}`}
          shown={may('admin') && !OVER.has(entry.state)}
          work={() => client().livy.end(entry.type === 'session' ? 'sessions' : 'batches', entry.id)}
          onDone={onChanged}
        >
          End
        </Action>
      </td>
    </tr>
  )
}

/** Without a secure context a browser has no clipboard: then the text is there to be selected. */
function Copy({ text }: { text: string }) {
  const said = useSignal('')
  if (navigator.clipboard === undefined) return null
  const say = (word: string) => () => {
    said.value = word
  }
  return (
    <>
      <button
        type="button"
        class="quiet"
        aria-label="Copy the address of Livy"
        onClick={() =>
          void navigator.clipboard.writeText(text).then(say('Copied.'), say('The browser did not allow it.'))
        }
      >
        Copy
      </button>
      <span role="status" aria-label="Copy">
        {said.value}
      </span>
    </>
  )
}
