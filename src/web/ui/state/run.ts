/** The task that the editor shows. It is followed while the page is open, whichever room is shown. */
import { effect, signal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { PlacementView, SubmitRequest } from '../../../protocols/model/views.ts'
import { sortedStatement } from '../text/statement.ts'
import { client } from './client.ts'
import { code, kind, lastTask, programData } from './draft.ts'
import { type Followed, followTask } from './follow.ts'
import { onLeave } from './session.ts'

export const followed = signal<Followed | undefined>()
/** The task whose outcome was shown before the question that was refused, or that is being submitted. */
export const before = signal<string | undefined>()
export const submitting = signal(false)
/** Why the last attempt to run or to explain came to nothing. */
export const refused = signal<ArchipelError | undefined>()
/** The answer to "where would it run?". */
export const foreseen = signal<PlacementView | undefined>()

/** What stands in the editor, as it is sent. */
function request(): SubmitRequest {
  const language = kind.peek()
  const data = programData
    .peek()
    .split(/[\s,]+/)
    .filter(Boolean)
  return {
    kind: language,
    code: code.peek()[language],
    ...(language === 'sql' || data.length === 0 ? {} : { datasets: data }),
  }
}

/** The outcome of another question does not stay below the words about a new one; the task itself goes on. */
function leaveOutcome(): void {
  const present = followed.peek()
  if (present === undefined) return
  present.stop()
  before.value = present.id
  followed.value = undefined
  lastTask.value = undefined
}

async function submit(work: SubmitRequest): Promise<void> {
  if (submitting.peek()) return
  submitting.value = true
  refused.value = undefined
  foreseen.value = undefined
  leaveOutcome()
  try {
    // A key of its own: an answer that was lost does not make a second task when the browser tries again.
    const view = await client().tasks.submit({ ...work, idempotencyKey: crypto.randomUUID() })
    before.value = undefined
    followed.value = followTask(view.id, view)
    lastTask.value = view.id
  } catch (cause) {
    refused.value = toArchipelError(cause)
  } finally {
    submitting.value = false
  }
}

export function run(): Promise<void> {
  return submit(request())
}

/** Runs the statement of a task again with its rows in another order, as a new task. */
export function runSorted(statement: string, column: number, descending: boolean): Promise<void> {
  return submit({ kind: 'sql', code: sortedStatement(statement, column, descending) })
}

export async function explain(): Promise<void> {
  refused.value = undefined
  foreseen.value = undefined
  const present = followed.peek()
  // The answer may come when another question has been submitted.
  const late = () => submitting.peek() || followed.peek() !== present
  try {
    const found = await client().tasks.place(request())
    if (!late()) foreseen.value = found
  } catch (cause) {
    if (late()) return
    leaveOutcome()
    refused.value = toArchipelError(cause)
  }
}

/** After a reload, the task of before. */
export function resume(): void {
  const id = lastTask.peek()
  if (followed.peek() !== undefined || id === undefined) return
  const present = followTask(id)
  followed.value = present
  // What is no longer known here is forgotten without a word: nobody asked for it now.
  const end = effect(() => {
    if (present.error.value?.code !== 'TASK_NOT_FOUND') return
    lastTask.value = undefined
    if (followed.peek() === present) followed.value = undefined
    queueMicrotask(() => end())
  })
}

/** What goes wrong is shown like a refusal. */
export async function cancel(id: string): Promise<void> {
  refused.value = undefined
  await client()
    .tasks.cancel(id)
    .catch((cause) => {
      refused.value = toArchipelError(cause)
    })
}

onLeave(({ asked }) => {
  followed.peek()?.stop()
  followed.value = undefined
  before.value = undefined
  foreseen.value = undefined
  refused.value = undefined
  // Whoever signs in again goes on with it; after a sign-out it may be somebody else.
  if (asked) lastTask.value = undefined
})
