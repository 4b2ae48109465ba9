/** Following one task: its state and its log, until its end, over lost connections. */

import { type Signal, signal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { FINAL_STATES } from '../../../protocols/model/task-states.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import { client } from './client.ts'

export interface Followed {
  id: string
  task: Signal<TaskView | undefined>
  log: Signal<string>
  error: Signal<ArchipelError | undefined>
  stop(): void
}

const LOG_EVERY_MS = 700
const AGAIN_MS = 1500
/** Bytes of the log that are asked for at once. */
const LOG_BYTES = 256 * 1024
/** Characters of the log that are shown; the whole of it can be saved. */
const MAX_LOG = 200_000

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

export function followTask(id: string, known?: TaskView): Followed {
  const abort = new AbortController()
  const { signal: ended } = abort
  const task = signal(known)
  const log = signal('')
  const error = signal<ArchipelError | undefined>()

  async function states(): Promise<void> {
    while (!ended.aborted) {
      try {
        for await (const view of client().tasks.watch(id, { signal: ended })) {
          task.value = view
          error.value = undefined
        }
        return
      } catch (cause) {
        const failure = toArchipelError(cause)
        if (ended.aborted) return
        if (!failure.retryable) {
          error.value = failure
          return
        }
        if (task.peek() === undefined) error.value = failure
      }
      await pause(AGAIN_MS, ended)
    }
  }

  async function logs(): Promise<void> {
    let offset = 0
    while (!ended.aborted) {
      const view = task.peek()
      try {
        if (
          view !== undefined &&
          (view.logBytes > offset || view.state === 'running' || FINAL_STATES.has(view.state))
        ) {
          const page = await client().tasks.log(id, { offset, limit: LOG_BYTES }, { signal: ended })
          offset = page.next
          if (page.text !== '') log.value = (log.peek() + page.text).slice(-MAX_LOG)
          if (page.ended && page.next >= page.total) return
          if (page.next < page.total) continue
        }
      } catch (cause) {
        if (!toArchipelError(cause).retryable) return
      }
      await pause(LOG_EVERY_MS, ended)
    }
  }

  void states()
  void logs()
  return { id, task, log, error, stop: () => abort.abort() }
}
