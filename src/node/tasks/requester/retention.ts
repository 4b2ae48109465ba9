import type { Logger } from 'pino'
import type { SpoolPort } from '../../results/port.ts'
import type { Clock } from '../clock.ts'
import { keys, type OwnedTask } from '../store/records.ts'
import type { Change, TaskStore } from '../store/task-store.ts'
import type { LiveTasks } from './live.ts'

const DAY_MS = 86_400_000
const EVERY_MS = 3_600_000
/** Many an island is never up for an hour. */
const FIRST_MS = 10_000
const BATCH = 200

/** Removes results and tasks that are too old or too many. Those that have not ended stay. */
export function retention(
  init: { resultDays: number; taskDays: number; maxTasks: number },
  components: { clock: Clock; store: TaskStore; spool: SpoolPort; live: Pick<LiveTasks, 'expire'>; logger: Logger },
) {
  const { clock, store, spool } = components
  let cancel = () => {}
  let stopped = false

  async function sweep(): Promise<{ results: number; tasks: number }> {
    const now = clock.now()
    const ended: OwnedTask[] = []
    for await (const task of store.tasks({ oldestFirst: true })) if (task.ended !== undefined) ended.push(task)
    const excess = ended.length - init.maxTasks
    const old = ended.filter((t, i) => i < excess || t.ended! < now - init.taskDays * DAY_MS)
    const gone = new Set(old)
    const stale = ended.filter((t) => !gone.has(t) && t.expired !== true && t.ended! < now - init.resultDays * DAY_MS)
    for (const task of [...old, ...stale]) {
      const attempts = new Set([...task.attempts.map((a) => a.number), task.accepted ?? task.lastAttempt])
      for (const attempt of attempts) await spool.remove({ task: task.id, attempt })
    }
    const changes: Change[][] = [
      ...old.map((t) => removal(t)),
      ...stale.map((t) => [{ key: keys.task(t.id), value: { ...t, expired: true } }]),
    ]
    for (let i = 0; i < changes.length; i += BATCH)
      await store.write('requester:expired', changes.slice(i, i + BATCH).flat())
    for (const { id } of [...old, ...stale]) components.live.expire(id)
    return { results: stale.length, tasks: old.length }
  }

  function again(ms = EVERY_MS): void {
    cancel = clock.after(ms, () => {
      void sweep()
        .catch((error: unknown) => components.logger.error({ err: error }, 'old tasks could not be removed'))
        .finally(() => !stopped && again())
    })
  }

  return {
    sweep,
    start: () => again(FIRST_MS),
    stop() {
      stopped = true
      cancel()
    },
  }
}

function removal(task: OwnedTask): Change[] {
  const { id, user, idempotencyKey } = task
  const gone = [keys.task(id), keys.unfinished(id), keys.work(id), keys.details(id)]
  if (idempotencyKey !== undefined) gone.push(keys.idempotency(user, idempotencyKey))
  return gone.map((key) => ({ key, value: null }))
}
