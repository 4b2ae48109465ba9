import type { Clock } from '../clock.ts'
import { keys, type ProvidedAttempt } from '../store/records.ts'
import { orderOf } from '../store/task-store.ts'
import type { ProviderComponents } from './components.ts'

const DAY_MS = 86_400_000
const EVERY_MS = 3_600_000
/** Many an island is never up for an hour. */
const FIRST_MS = 10_000
const SOON_MS = 1_000
const BATCH = 200

/** Drops ends that nobody came for, and forgets attempts that are too old or too many. */
export function retention(
  init: { unclaimedDays: number; keepDays: number; maxAttempts: number },
  components: Pick<ProviderComponents, 'store' | 'logger'> & {
    clock: Clock
    expire(record: ProvidedAttempt): Promise<unknown>
  },
) {
  const { clock, store } = components
  let cancel = () => {}
  let stopped = false

  async function sweep(): Promise<{ expired: number; forgotten: number }> {
    const now = clock.now()
    const unclaimed: ProvidedAttempt[] = []
    const settled: ProvidedAttempt[] = []
    for await (const record of store.attempts({ oldestFirst: true })) {
      if (record.settled !== undefined) settled.push(record)
      else if (record.ended !== undefined && record.ended < now - init.unclaimedDays * DAY_MS) unclaimed.push(record)
    }
    for (const record of unclaimed) await components.expire(record)
    const excess = settled.length - init.maxAttempts
    const old = settled.filter((r, i) => i < excess || (r.ended ?? r.created) < now - init.keepDays * DAY_MS)
    for (let i = 0; i < old.length; i += BATCH) {
      const gone = old
        .slice(i, i + BATCH)
        .flatMap((r) => [keys.attempt(r.task, r.attempt), keys.attemptWork(r.task, r.attempt), orderOf(r)])
      await store.write(
        'provider:expired',
        gone.map((key) => ({ key, value: null })),
      )
    }
    return { expired: unclaimed.length, forgotten: old.length }
  }

  function again(ms = EVERY_MS): void {
    cancel = clock.after(ms, () => {
      void sweep()
        .catch((error: unknown) => components.logger.error({ err: error }, 'old attempts could not be removed'))
        .finally(() => !stopped && again())
    })
  }

  return {
    sweep,
    start: () => again(FIRST_MS),
    /** Now rather than at its hour. */
    soon() {
      cancel()
      if (!stopped) again(SOON_MS)
    },
    stop() {
      stopped = true
      cancel()
    },
  }
}
