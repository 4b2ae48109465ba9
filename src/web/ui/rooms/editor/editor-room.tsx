import { useEffect } from 'preact/hooks'
import { FINAL_STATES } from '../../../../protocols/model/task-states.ts'
import { Heading } from '../../parts/heading.tsx'
import { Placement } from '../../parts/placement.tsx'
import { Problem } from '../../parts/problem.tsx'
import { TaskOutcome } from '../../parts/task-outcome.tsx'
import { code, type EditorKind, kind, programData } from '../../state/draft.ts'
import { taskPath } from '../../state/router.ts'
import {
  before,
  cancel,
  explain,
  followed,
  foreseen,
  refused,
  resume,
  run,
  runSorted,
  submitting,
} from '../../state/run.ts'
import { may } from '../../state/session.ts'
import { shortTask } from '../../text/words.ts'
import { Code } from './code.tsx'

const LANGUAGES: [EditorKind, string][] = [
  ['sql', 'SQL'],
  ['python', 'Python'],
  ['r', 'R'],
]

/** Writing a question, seeing where it would run and why, running it, and what comes out. */
export function EditorRoom() {
  useEffect(resume, [])
  const now = followed.value
  const task = now?.task.value
  const running = task !== undefined && !FINAL_STATES.has(task.state)
  const allowed = may('run')
  const empty = code.value[kind.value].trim() === ''
  const start = () => {
    if (allowed && !submitting.peek() && code.peek()[kind.peek()].trim() !== '') void run()
  }
  return (
    <>
      <Heading title="Editor" />
      <section class="panel editor" aria-label="Question">
        <div class="toolbar">
          <label for="language">Language</label>
          <select
            id="language"
            value={kind.value}
            onChange={(event) => {
              kind.value = event.currentTarget.value as EditorKind
            }}
          >
            {LANGUAGES.map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
          {kind.value !== 'sql' && (
            <>
              <label for="data">Datasets</label>
              <input
                id="data"
                class="grow"
                placeholder="bright_stars openngc"
                value={programData.value}
                onInput={(event) => {
                  programData.value = event.currentTarget.value
                }}
              />
            </>
          )}
          <span class="grow" />
          <button type="button" onClick={() => void explain()} disabled={empty || !allowed}>
            Where would it run?
          </button>
          {running && (
            <button type="button" onClick={() => void cancel(task.id)} disabled={task.cancelRequested || !allowed}>
              Cancel
            </button>
          )}
          <button type="button" class="primary" onClick={start} disabled={empty || submitting.value || !allowed}>
            Run
          </button>
        </div>
        <Code onRun={start} />
        <p class="note" id="code-keys">
          Ctrl-Enter runs, Ctrl-Space completes, Ctrl-] indents. The text is kept in this browser, after signing out
          too.
        </p>
      </section>
      {!allowed && (
        <p class="notice">
          This sign-in may read, not run. <code>archipel open --scope run</code> makes one that may.
        </p>
      )}
      {refused.value !== undefined && <Problem error={refused.value} />}
      {foreseen.value !== undefined && (
        <section class="panel" aria-label="Placement">
          <Placement entries={foreseen.value.explain} caption="Where it would run, at what cost" />
        </section>
      )}
      {before.value !== undefined && task === undefined && (
        <p class="note">
          The question before is{' '}
          <a href={taskPath(before.value)}>
            task <code>{shortTask(before.value)}</code>
          </a>
          .
        </p>
      )}
      {foreseen.value !== undefined && task !== undefined && <h2>Result of the question before</h2>}
      {now?.error.value !== undefined && <Problem error={now.error.value} />}
      {task !== undefined && (
        <TaskOutcome
          key={task.id}
          task={task}
          linked
          log={now!.log.value}
          onRequery={
            task.kind === 'sql' ? (column, descending) => void runSorted(task.code, column, descending) : undefined
          }
        />
      )}
    </>
  )
}
