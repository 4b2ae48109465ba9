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
