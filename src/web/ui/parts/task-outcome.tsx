import { FINAL_STATES } from '../../../protocols/model/task-states.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import { taskPath } from '../state/router.ts'
import { count, duration, shortTask } from '../text/words.ts'
import { LogText } from './log-text.tsx'
import { Placement } from './placement.tsx'
import { Problem } from './problem.tsx'
import { Result } from './result.tsx'
import { Since } from './since.tsx'
import { StateBadge } from './state-badge.tsx'

/** What became of a task so far, after the word of its state. */
function sentence(task: TaskView): string {
  const where = task.ranAt === undefined ? '' : ` at ${task.ranAt.name}`
  if (task.state === 'succeeded') {
    const rows = task.result?.table === undefined ? '' : `: ${count(task.result.table.rowCount, 'row')}`
    return `${where} in ${duration(task.elapsedMs)}${rows}`
  }
  if (task.cancelRequested && !FINAL_STATES.has(task.state)) return `${where}, being cancelled`
  return where
}

/** A task as it goes on: state, why there, log, result. */
export function TaskOutcome({
  task,
  log,
  linked = false,
  onRequery,
}: {
  task: TaskView
  log: string
  /** To its own address. */
  linked?: boolean
  onRequery?: (column: number, descending: boolean) => void
}) {
  const ended = FINAL_STATES.has(task.state)
  const chosen = task.explain.find((entry) => entry.chosen)
  const attempts = task.attempts.length
  return (
    <>
      <section class="panel outcome" aria-label="Task">
        <div class="outcome-line">
          <p role="status">
            <span class="visually-hidden">Task </span>
            <StateBadge state={task.state} />
            {sentence(task)}
            {chosen !== undefined &&
              `, because ${/^(holds|has|is|would)\b/.test(chosen.reason) ? 'it ' : ''}${chosen.reason}`}
          </p>
          {!ended && <Since iso={task.askedAt.time} />}
          {attempts > 1 && <span>{count(attempts, 'attempt')}</span>}
          {linked && (
            <a class="end" href={taskPath(task.id)}>
              Task <code>{shortTask(task.id)}</code>
            </a>
          )}
        </div>
        {!ended && <progress aria-label="The task goes on" />}
        {task.explain.length > 0 && (
          <details>
            <summary>Why there: {count(task.explain.length, 'island')} considered</summary>
            <Placement entries={task.explain} />
          </details>
        )}
      </section>
      {task.error !== undefined && task.state !== 'cancelled' && <Problem error={task.error as never} />}
      {log !== '' && <LogText text={log} live={!ended} />}
      {task.result !== undefined && <Result task={task} result={task.result} onRequery={onRequery} />}
    </>
  )
}
