import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskRemotes } from '../calls.ts'
import { type Bell, bell, type Clock } from '../clock.ts'
import { type Errand, keys } from '../store/records.ts'
import type { Change, TaskStore } from '../store/task-store.ts'

/** What a provider has to hear of an attempt. */
export type Told = Pick<Errand, 'island' | 'task' | 'attempt' | 'op'>

export interface Errands {
  /** What is left from before. */
  start(): Promise<void>
  stop(): void
  /** To be written with what makes them due. */
  changes(told: Told[]): Change[]
  /** After that was written: they are told, now or when the island is there. */
  added(told: Told[]): void
  /** The island is there: try again at once. */
  nudge(island: string): void
  readonly size: number
}

const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 60_000
const CALL_MS = 10_000
/** An island that was away for so long has expired what it had. */
const MAX_AGE_MS = 30 * 86_400_000

/** Tells providers what became of their attempts, until they heard it. In memory and in the store alike. */
export function errands(
  init: { self: string; stopping: AbortSignal },
  components: {
    clock: Clock
    store: TaskStore
    remotes: Pick<TaskRemotes, 'control' | 'onReady'>
    isMember: (island: string) => boolean
  },
): Errands {
  const { clock, store, remotes } = components
  const { stopping } = init
  const waiting = new Map<string, { list: Map<string, Errand>; wake: Bell }>()
  let size = 0
  let unsubscribe = () => {}

  function put(errand: Errand): void {
    let island = waiting.get(errand.island)
    const running = island !== undefined
    island ??= { list: new Map(), wake: bell() }
    if (!island.list.has(keys.errand(errand))) size++
    island.list.set(keys.errand(errand), errand)
    waiting.set(errand.island, island)
    if (running) island.wake.ring()
    else void run(errand.island, island)
  }

  async function run(name: string, island: { list: Map<string, Errand>; wake: Bell }): Promise<void> {
    let wait = FIRST_PAUSE_MS
    while (island.list.size > 0 && !stopping.aborted) {
      const done: Errand[] = []
      let failed = false
      for (const errand of [...island.list.values()]) {
        if (await tell(errand)) done.push(errand)
        else {
          failed = true
          break
        }
      }
      await forget(island.list, done)
      if (failed) {
        await island.wake.wait(clock, wait, stopping)
        wait = Math.min(wait * 2, MAX_PAUSE_MS)
      } else wait = FIRST_PAUSE_MS
    }
    if (island.list.size === 0) waiting.delete(name)
  }

  /** @returns whether it need not be told again */
  async function tell({ island, task, attempt, op, since }: Errand): Promise<boolean> {
    const gone = island !== init.self && !components.isMember(island)
    if (gone || clock.now() - since > MAX_AGE_MS) return true
    const late = new AbortController()
    const cancel = clock.after(CALL_MS, () => late.abort())
    try {
      await remotes.control(island, { op, task, attempt }, { signal: AbortSignal.any([stopping, late.signal]) })
      return true
    } catch (cause) {
      // What it answers no to is not answered otherwise later.
      const { code } = toArchipelError(cause)
      return code === 'FORBIDDEN' || code === 'TASK_NOT_FOUND'
    } finally {
      cancel()
    }
  }

  async function forget(list: Map<string, Errand>, done: Errand[]): Promise<void> {
    if (done.length === 0) return
    try {
      await store.write(
        'requester:errands',
        done.map((e) => ({ key: keys.errand(e), value: null })),
      )
    } catch {
      // They are told once more after the next start, which changes nothing.
    }
    for (const errand of done) if (list.delete(keys.errand(errand))) size--
  }

  return {
    async start() {
      unsubscribe = remotes.onReady((island) => waiting.get(island)?.wake.ring())
      for (const errand of await store.errands()) put(errand)
    },
    stop() {
      unsubscribe()
    },
    changes: (told) => told.map((t) => ({ key: keys.errand(t), value: { ...t, since: clock.now() } })),
    added(told) {
      for (const t of told) put({ ...t, since: clock.now() })
    },
    nudge(island) {
      waiting.get(island)?.wake.ring()
    },
    get size() {
      return size
    },
  }
}
