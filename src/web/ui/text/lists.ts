import type { TABLE_ITEM as TABLE, TaskState } from '../../../protocols/model/task.ts'

/** As in the vocabulary; only its types are part of the page, so that no schemas are loaded. */
export const TASK_STATES = [
  'queued',
  'placing',
  'staging',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies TaskState[]
export const TABLE_ITEM: typeof TABLE = 'table.ndjson'

/** The words for states, each with a mark, so that none is told by its colour alone. */
export const LIVENESS = {
  live: { word: 'live', mark: '●' },
  suspect: { word: 'suspect', mark: '◐' },
  lost: { word: 'lost', mark: '○' },
  unknown: { word: 'unknown', mark: '◌' },
} as const

export const CONNECTED = { direct: 'direct', relayed: 'relayed', no: 'none' } as const

export const TASK_MARKS: Record<string, string> = {
  queued: '◌',
  placing: '◌',
  staging: '◔',
  running: '◑',
  succeeded: '✓',
  failed: '✕',
  cancelled: '–',
  lost: '○',
}
