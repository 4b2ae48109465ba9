/** The list of tasks, kept up to date by events. */
import { signal } from '@preact/signals'
import { onEvent } from './connection.ts'

/** Grows when a task changed: lists that are shown ask again. */
export const taskChanges = signal(0)

const COALESCE_MS = 250

export function startTasks(): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  onEvent((event) => {
    if ((event.type as string) !== 'task:changed') return
    if (timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      taskChanges.value++
    }, COALESCE_MS)
  })
}
