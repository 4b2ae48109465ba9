import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { OutlivingWork } from '../port.ts'
import { stagedAt } from './batch.ts'
import type { KeptAtLivy, RealLivySite } from './site.ts'

export interface OutlivingWorkInit {
  site: RealLivySite
  /** How marks of the engine begin. */
  ours: string
  /** Marks of what is in use now. */
  inUse: ReadonlySet<string>
  /** Where main files are laid down. */
  stagingDir: string
  /** Whether Livy answers. */
  ready(): boolean
  stopping: AbortSignal
  logger: Pick<Logger, 'info'> | undefined
}

const AGAIN_MS = 1_000

/** What an earlier run of the island left at Livy for its tasks: that with a wanted key is gone on with, the rest is ended. */
export function outlivingWork({ site, ours, inUse, stagingDir, ready, stopping, logger }: OutlivingWorkInit) {
  /** Undefined until somebody says which. */
  let wanted: Set<string> | undefined
  /** Keys of what had begun for sure before this run of the island. */
  const begun = new Set<string>()
  let answered = Promise.withResolvers<void>()
  let leaving = false

  const left = () => site.kept().filter(({ mark }) => mark.startsWith(ours) && !inUse.has(mark))
  const isWanted = (key: string | undefined) => key !== undefined && (wanted === undefined || wanted.has(key))
  const ofKey = (key: string | undefined) => (key === undefined ? undefined : left().find((each) => each.key === key))

  const atLivy = ({ type, mark }: KeptAtLivy) => (type === 'session' ? site.findSession(mark) : site.findBatch(mark))

  async function end(each: KeptAtLivy): Promise<void> {
    const found = each.id ?? (await atLivy(each))?.id
    if (each.type === 'batch') await rm(stagedAt(stagingDir, each.mark), { recursive: true, force: true })
    if (found === undefined) return
    await (each.type === 'session' ? site.deleteSession(found) : site.deleteBatch(found)).catch(() => {})
    logger?.info({ type: each.type, id: found }, 'what an earlier run left at Livy is ended')
  }

  /** Ends what nobody wants. @throws ENGINE_DOWN */
  async function sweep(): Promise<void> {
    for (const each of left()) if (!leaving && !isWanted(each.key)) await end(each)
  }

  /** Where Livy is down, the next sweep ends it. */
  function sweepSoon(): void {
    if (ready() && !stopping.aborted) void sweep().catch(() => {})
  }

  /** @throws CANCELLED */
  async function whenReady(signal: AbortSignal): Promise<void> {
    while (!ready()) {
      const aborted = Promise.withResolvers<never>()
      const onAbort = () => aborted.reject(new ArchipelError('CANCELLED', 'the call was cancelled'))
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      try {
        await Promise.race([answered.promise, aborted.promise])
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    }
  }

  const outliving: OutlivingWork = {
    has: (key) => ofKey(key) !== undefined,
    async find(key, { signal }) {
      for (;;) {
        const kept = ofKey(key)
        if (kept === undefined) break
        await whenReady(AbortSignal.any([signal, stopping]))
        try {
          if ((await atLivy(kept)) !== undefined) return true
          if (kept.type === 'batch') await rm(stagedAt(stagingDir, kept.mark), { recursive: true, force: true })
          break
        } catch (error) {
          if (!(error instanceof ArchipelError && error.code === 'ENGINE_DOWN')) throw error
          await sleep(AGAIN_MS, undefined, { ref: false })
        }
      }
      // Without Livy's answer it was only about to begin.
      if (!begun.has(key)) return false
      throw new ArchipelError('ENGINE_FAILED', 'the work is lost: Livy does not have it any more', {
        hint: 'Run it again.',
      })
    },
    keep(keys) {
      wanted = new Set(keys)
      for (const key of keys) if (ofKey(key)?.id !== undefined) begun.add(key)
      sweepSoon()
    },
    release(key) {
      wanted?.delete(key)
      if (ofKey(key) !== undefined) sweepSoon()
    },
    leave() {
      leaving = true
    },
  }

  return {
    outliving,
    sweep,
    /** Whether it is left at Livy when it is closed here. */
    stays: (key: string | undefined) => leaving && key !== undefined,
    /** What is gone on with: it has been found before. */
    kept: (type: KeptAtLivy['type'], key: string | undefined) => {
      const kept = ofKey(key)
      return kept?.type === type ? kept : undefined
    },
    /** Livy is back. */
    answers(): void {
      answered.resolve()
      answered = Promise.withResolvers()
    },
  }
}
