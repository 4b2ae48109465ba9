import { TASK_MARKS } from '../text/lists.ts'

/** The state of a task or an attempt, by a mark, a word and a colour. */
export function StateBadge({ state }: { state: string }) {
  return (
    <span class={`badge state-${state}`}>
      <span aria-hidden="true">{TASK_MARKS[state] ?? '·'} </span>
      {state}
    </span>
  )
}
