import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { TaskState } from '../../../../protocols/model/task.ts'
import { FINAL_STATES } from '../../../../protocols/model/task-states.ts'
import type { TaskSummary } from '../../../../protocols/model/views.ts'
import { Action } from '../../parts/action.tsx'
import { Heading } from '../../parts/heading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Scroll } from '../../parts/scroll.tsx'
import { Since } from '../../parts/since.tsx'
import { StateBadge } from '../../parts/state-badge.tsx'
import { client } from '../../state/client.ts'
import { connection } from '../../state/connection.ts'
import { useLoaded } from '../../state/loaded.ts'
import { navigate, place, taskPath } from '../../state/router.ts'
import { may } from '../../state/session.ts'
import { taskChanges } from '../../state/tasks.ts'
import { TASK_STATES } from '../../text/lists.ts'
import { clock, duration, number, shortDataset, shortTask } from '../../text/words.ts'

const PAGE = 50
const FOR_OTHERS_MS = 3000

function addressOf(state: string, all: boolean): string {
  const query = new URLSearchParams()
  if (state !== '') query.set('state', state)
  if (all) query.set('all', 'true')
  return query.size === 0 ? '/tasks' : `/tasks?${query}`
}

/** The tasks of this island, following them as they change. */
export function TaskList() {
  const { query } = place.value
  const state = query.get('state') ?? ''
  const all = query.get('all') === 'true'
  const pages = useSignal(1)
  const { value, error, busy, again } = useLoaded(
    addressOf(state, all),
    async (signal) => {
      const items: TaskSummary[] = []
      let cursor: string | undefined
      for (let page = 0; page < pages.peek(); page++) {
        const part = await client().tasks.list(
          {
            state: (state || undefined) as TaskState | undefined,
            all: all || undefined,
            limit: PAGE,
            cursor,
          },
          { signal },
        )
        items.push(...part.items)
        cursor = part.next
        if (cursor === undefined) break
      }
      return { items, more: cursor !== undefined }
    },
    { stays: true },
  )
  const latest = useRef(again)
  latest.current = again
  const first = useRef(true)
  useSignalEffect(() => {
    void taskChanges.value
    if (!first.current) latest.current()
    first.current = false
  })
  // What runs here for others tells its changes to them alone.
  useEffect(() => {
    if (!all) return
    const timer = setInterval(() => {
      if (!document.hidden && connection.peek().state === 'live') latest.current()
    }, FOR_OTHERS_MS)
    return () => clearInterval(timer)
  }, [all])
  const items = value?.items ?? []
  return (
    <>
      <Heading title="Tasks" />
      <search class="filters panel">
        <div class="field">
          <label for="task-state">State</label>
          <select
            id="task-state"
            value={state}
            onChange={(event) => {
              pages.value = 1
              navigate(addressOf(event.currentTarget.value, all), { replace: true })
            }}
          >
            <option value="">any</option>
            {TASK_STATES.map((word) => (
              <option key={word}>{word}</option>
            ))}
          </select>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={all}
            onChange={(event) => navigate(addressOf(state, event.currentTarget.checked), { replace: true })}
          />{' '}
          also those that run here for other islands
        </label>
      </search>
      {error !== undefined && <Problem error={error} onRetry={again} />}
      {value === undefined && busy && <p class="waiting">Asking …</p>}
      {value !== undefined && items.length === 0 && (
        <p class="nothing">
          No tasks{state === '' ? ' yet' : ` are ${state}`}. <a href="/editor">Ask a question</a>
        </p>
      )}
      {items.length > 0 && (
        <Scroll label="Tasks" more="panel">
          <table class="grid list">
            <thead>
              <tr>
                <th scope="col">Task</th>
                <th scope="col">State</th>
                <th scope="col">Kind</th>
                <th scope="col">About</th>
                <th scope="col">Ran at</th>
                <th scope="col">Asked</th>
                <th scope="col" class="n">
                  Took
                </th>
                <th scope="col" class="n">
                  Rows
                </th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((task) => (
                <TaskLine key={task.id} task={task} onChanged={again} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {value?.more && (
        <p>
          <button
            type="button"
            onClick={() => {
              pages.value++
              again()
            }}
          >
            Show more
          </button>
        </p>
      )}
    </>
  )
}

function TaskLine({ task, onChanged }: { task: TaskSummary; onChanged: () => void }) {
  const ended = FINAL_STATES.has(task.state)
  return (
    <tr>
      <th scope="row">
        <a href={taskPath(task.id)}>
          <code>{shortTask(task.id)}</code>
        </a>
      </th>
      <td>
        <StateBadge state={task.state} />
      </td>
      <td>{task.kind}</td>
      <td class="wrap">
        {task.name ?? task.datasets.map(shortDataset).join(', ')}
        {task.error !== undefined && (
          <div class="sub">
            {task.error.message} <code>{task.error.code}</code>
          </div>
        )}
      </td>
      <td>{task.ranAt?.name ?? '–'}</td>
      <td>{clock(task.askedAt.time)}</td>
      <td class="n">{ended ? duration(task.elapsedMs) : <Since iso={task.askedAt.time} />}</td>
      <td class="n">{task.rowCount === undefined ? '–' : number(task.rowCount)}</td>
      <td>
        <Action
          label={`Cancel task ${shortTask(task.id)}`}
          shown={!ended}
          disabled={!may('run')}
          work={() => client().tasks.cancel(task.id)}
          onDone={onChanged}
        >
          Cancel
        </Action>
      </td>
    </tr>
  )
}
