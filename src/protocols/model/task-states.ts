/** Of tasks, without what reads them: the page and the client library carry no schemas. */
import type { TaskState } from './task.ts'

/** An end is written once and never changes. */
export const FINAL_STATES: ReadonlySet<TaskState> = new Set(['succeeded', 'failed', 'cancelled'])
