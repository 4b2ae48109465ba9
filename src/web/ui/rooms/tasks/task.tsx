import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { type ArchipelError, toArchipelError } from '../../../../protocols/model/errors.ts'
import { FINAL_STATES } from '../../../../protocols/model/task-states.ts'
import type { TaskView } from '../../../../protocols/model/views.ts'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { TaskOutcome } from '../../parts/task-outcome.tsx'
import { TextBox } from '../../parts/text-box.tsx'
import { client } from '../../state/client.ts'
import { code, isEditorKind, kind, programData } from '../../state/draft.ts'
import { followTask } from '../../state/follow.ts'
import { datasetPath, navigate, taskPath } from '../../state/router.ts'
import { may } from '../../state/session.ts'
import { clock, shortTask } from '../../text/words.ts'
import { Attempts } from './attempts.tsx'

/** One task, of any island, as it goes on. */
export function Task({ id }: { id: string }) {
  const followed = useMemo(() => followTask(id), [id])
  useEffect(() => () => followed.stop(), [followed])
  const failed = useSignal<ArchipelError | undefined>(undefined)
  const task = followed.task.value
  const error = failed.value ?? followed.error.value

  async function act(action: () => Promise<TaskView>, then?: (view: TaskView) => void): Promise<void> {
    failed.value = undefined
    try {
      const view = await action()
      then?.(view)
    } catch (cause) {
      failed.value = toArchipelError(cause)
    }
  }

  function edit(view: TaskView): void {
    if (!isEditorKind(view.kind)) return
    code.value = { ...code.peek(), [view.kind]: view.code }
    kind.value = view.kind
    if (view.kind !== 'sql') programData.value = view.datasets.map((dataset) => dataset.table).join(' ')
    navigate('/editor')
  }

  return (
    <>
      <p class="crumbs">
        <a href="/tasks">Tasks</a>
      </p>
      <Heading title={task?.name ?? `Task ${shortTask(id)}`}>
        {task !== undefined && !FINAL_STATES.has(task.state) && (
          <button
            type="button"
            disabled={task.cancelRequested || !may('run')}
            onClick={() => void act(() => client().tasks.cancel(id))}
          >
            Cancel
          </button>
        )}
        {task !== undefined && FINAL_STATES.has(task.state) && (
          <button
            type="button"
            disabled={!may('run')}
            onClick={() =>
              void act(
                () => client().tasks.retry(id),
                (view) => navigate(taskPath(view.id)),
              )
            }
          >
            Try again
          </button>
        )}
        {task !== undefined && isEditorKind(task.kind) && task.engine !== 'livy' && (
          <button type="button" onClick={() => edit(task)}>
            Open in the editor
          </button>
        )}
      </Heading>
      {error !== undefined && <Problem error={error} />}
      {task === undefined && error === undefined && <p class="waiting">Asking …</p>}
      {task !== undefined && (
        <>
          <TaskOutcome task={task} log={followed.log.value} />
          <section class="panel" aria-label="About the task">
            <h2>About</h2>
            <Facts
              of={[
                ['Id', <code key="id">{task.id}</code>],
                ['Asked', `${clock(task.askedAt.time)} at ${task.askedAt.name} by ${task.user}`],
                ['Kind', task.kind],
                [
                  'Datasets',
                  task.datasets.length > 0 && (
                    <ul key="datasets" class="plain">
                      {task.datasets.map((dataset) => (
                        <li key={dataset.table}>
                          <a href={datasetPath(dataset.id)}>{dataset.table}</a>{' '}
                          <span class="note">version {dataset.version.slice(0, 12)}</span>
                        </li>
                      ))}
                    </ul>
                  ),
                ],
                [
                  'Parameters',
                  Object.keys(task.params).length > 0 &&
                    Object.entries(task.params)
                      .map(([name, value]) => `${name} = ${value}`)
                      .join(', '),
                ],
                ['Engine', task.engine === 'livy' ? 'Spark' : undefined],
                ['Main file', task.batch?.main?.name],
                ['Class', task.batch?.className],
                ['Arguments', task.batch?.args?.map((arg) => JSON.stringify(arg)).join(' ')],
                ['Spark', task.spark && <code key="spark">{JSON.stringify(task.spark)}</code>],
                ['Action', task.action?.id],
                ['Retry of', task.retryOf && <a href={taskPath(task.retryOf)}>{shortTask(task.retryOf)}</a>],
                ['Published as', task.published && <a href={datasetPath(task.published.id)}>{task.published.id}</a>],
                ['Told by', task.from.role === 'provider' && `${task.from.name}, while the asking island is away`],
              ]}
            />
            {task.attempts.length > 0 && <Attempts attempts={task.attempts} />}
            {task.code !== '' && (
              <>
                <h2>Code</h2>
                <TextBox label="Code" text={task.code} />
              </>
            )}
          </section>
        </>
      )}
    </>
  )
}
