import type { Provenance } from '../../../protocols/model/dataset.ts'
import type { TaskView } from '../../../protocols/model/views.ts'

/** Code up to here goes into the catalog; of longer code its hash only. */
const MAX_CODE_CHARS = 8192
const MAX_PARAMS_BYTES = 2048

/** Where the result of a task comes from; the times are those of the attempt that counts. */
export function provenanceOf(
  task: TaskView,
  accepted: { attempt: number; elapsedMs: number; software: string },
): Provenance {
  const attempt = task.attempts.find(({ number }) => number === accepted.attempt)
  const started = attempt?.started ?? task.started ?? task.askedAt.time
  const ended = attempt?.ended ?? task.ended ?? new Date(Date.parse(started) + accepted.elapsedMs).toISOString()
  const inputs = new Map(
    task.datasets.map(({ id, publisher, version }) => [`${publisher} ${id} ${version}`, { id, publisher, version }]),
  )
  const params = JSON.stringify(task.params)
  const ran = task.ranAt ?? task.askedAt
  return {
    task: task.id,
    kind: task.kind,
    ...(task.code.length <= MAX_CODE_CHARS && { code: task.code.toWellFormed() }),
    codeSha256: task.codeSha256,
    ...(params !== '{}' && Buffer.byteLength(params) <= MAX_PARAMS_BYTES && { params: shortened(task.params) }),
    ...(task.action !== undefined && { action: task.action }),
    inputs: [...inputs.values()],
    island: { id: ran.island, name: ran.name.slice(0, 100) },
    user: task.user,
    started,
    ended,
    software: accepted.software.slice(0, 100),
  }
}

function shortened(params: TaskView['params']): NonNullable<Provenance['params']> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, 1024) : value]),
  )
}
