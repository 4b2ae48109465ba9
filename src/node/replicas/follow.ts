/** Replicas that follow their publisher: a new version is fetched as soon as it is known, then takes the place of the old one. */
import type { Logger } from 'pino'
import { toArchipelError } from '../../protocols/model/errors.ts'
import { TRANSFER_ENDS } from '../../protocols/model/transfer.ts'
import type { Replica, Transfer } from './port.ts'

export interface FollowerComponents {
  replicas(): Replica[]
  transfers(): Transfer[]
  /** The version that the publisher states now; undefined where it is not known. */
  newest(publisher: string, id: string): Promise<string | undefined>
  /** Asks for that version, as a follower. Durable when it resolves. */
  fetch(of: Replica, version: string): Promise<void>
  /** Ends a transfer of a version that is the newest no more. */
  supersede(transfer: Transfer): Promise<void>
  logger: Logger
}

export interface Follower {
  /** Looks after all, and from now on after those that are told of. */
  start(): void
  /** Something changed about this dataset, or about its replica. */
  look(publisher: string, id: string): void
  stop(): Promise<void>
}

/** Milliseconds to the next try, where a version could not be asked for; doubled each time. */
const FIRST_AGAIN_MS = 1_000
const MAX_AGAIN_MS = 60_000

interface Watch {
  running: Promise<void> | undefined
  /** Something changed while it ran. */
  dirty: boolean
  againMs: number
  timer: NodeJS.Timeout | undefined
}

export function follower(components: FollowerComponents): Follower {
  const { logger } = components
  const watches = new Map<string, Watch>()
  let up = false

  const following = (publisher: string, id: string) =>
    components.replicas().filter((r) => r.publisher === publisher && r.id === id && r.mode === 'follow')
  const unfinished = (folder: string) =>
    components.transfers().filter((t) => t.folder === folder && !TRANSFER_ENDS.has(t.state))

  /** Nobody will complete it. What is paused, or failed since the data were bad, waits for somebody. */
  function abandoned({ folder, state }: Replica): boolean {
    const last = components
      .transfers()
      .filter((t) => t.folder === folder)
      .sort((a, b) => b.created - a.created)[0]
    if (state === 'available') return false
    return last === undefined ? state !== 'partial' : last.state === 'cancelled'
  }

  async function bring(publisher: string, id: string): Promise<void> {
    const all = following(publisher, id)
    const newest = all.length === 0 ? undefined : await components.newest(publisher, id)
    if (newest === undefined) return
    const there = all.find((r) => r.version === newest)
    if (there !== undefined && !abandoned(there)) return
    for (const old of all)
      if (old.version !== newest) for (const t of unfinished(old.folder)) await components.supersede(t)
    const from = following(publisher, id)[0] ?? all[0]!
    await components.fetch(from, newest)
  }

  function look(publisher: string, id: string): void {
    if (!up || following(publisher, id).length === 0) return
    const key = `${publisher}/${id}`
    const watch = watches.get(key) ?? { running: undefined, dirty: false, againMs: FIRST_AGAIN_MS, timer: undefined }
    watches.set(key, watch)
    clearTimeout(watch.timer)
    if (watch.running !== undefined) {
      watch.dirty = true
      return
    }
    watch.running = bring(publisher, id)
      .then(
        () => {
          watch.againMs = FIRST_AGAIN_MS
        },
        (cause: unknown) => {
          logger.warn({ err: toArchipelError(cause), dataset: id }, 'a new version could not be asked for')
          if (up) watch.timer = setTimeout(() => look(publisher, id), watch.againMs)
          watch.againMs = Math.min(MAX_AGAIN_MS, watch.againMs * 2)
        },
      )
      .finally(() => {
        watch.running = undefined
        if (!watch.dirty) return
        watch.dirty = false
        look(publisher, id)
      })
  }

  return {
    start() {
      up = true
      for (const { publisher, id, mode } of components.replicas()) if (mode === 'follow') look(publisher, id)
    },
    look,
    async stop() {
      up = false
      for (const { timer } of watches.values()) clearTimeout(timer)
      await Promise.all([...watches.values()].map((watch) => watch.running))
    },
  }
}
