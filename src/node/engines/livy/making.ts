import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { ENDED, type Entries, type Entry } from './entries.ts'
import type { LivyCall, LivyRest } from './rest.ts'
import type { SiteScrubber } from './scrub.ts'
import { readBatch, readSession } from './shapes.ts'

export interface MakingInit {
  rest: Pick<LivyRest, 'call'>
  entries: Entries
  scrub: SiteScrubber
  maxSessions: number
  /** A call about one entry, by its name. */
  call(entry: Entry, method: 'GET' | 'DELETE', path?: string, options?: LivyCall): Promise<unknown>
  onGone(entry: Entry, why: string): Promise<void>
}

type Options = { signal?: AbortSignal }

/** Whether what comes of it stays at Livy when the caller leaves. Default: it is ended. */
export type MakeOptions = Options & { stays?: () => boolean }
type Made = { entry: Entry; found: unknown }

export const rootOf = ({ type }: Pick<Entry, 'type'>) => (type === 'session' ? '/sessions' : '/batches')

/** Sessions and batches are made once for each mark, whatever becomes of answers, of this island, and of who asked. */
export function siteMaking({ rest, entries, scrub, maxSessions, call, onGone }: MakingInit) {
  const underWay = new Map<string, Promise<Made>>()

  /** @throws LivyRefusal in Livy's words where there is no room for one more */
  function room(): void {
    const live = entries.all().filter(({ id, state }) => id !== undefined && (state === undefined || !ENDED.has(state)))
    if (live.length + underWay.size >= maxSessions)
      throw new LivyRefusal(400, { msg: 'Rejected, too many sessions are being created!' })
  }

  /** What Livy has under this entry's name. */
  async function find(entry: Entry, options: Options = {}): Promise<unknown> {
    try {
      const found = await call(entry, 'GET', '', options)
      await identified(entry, found)
      return found
    } catch (error) {
      if (error instanceof LivyRefusal && error.status === 404) return undefined
      throw error
    }
  }

  async function identified(entry: Entry, value: unknown): Promise<void> {
    const { id } = entry.type === 'session' ? readSession(value) : readBatch(value)
    if (entry.id === id) return
    for (const other of entries.all())
      if (other !== entry && other.type === entry.type && other.id === id)
        await onGone(other, 'Livy began to count anew')
    entry.id = id
    await entries.save(entry)
  }

  /** The entry is durable already. Where an answer was lost, it is looked for by its name. */
  async function post(entry: Entry, body: Record<string, unknown>): Promise<Made> {
    try {
      const made = await rest.call('POST', rootOf(entry), { body })
      await identified(entry, made)
      return { entry, found: made }
    } catch (error) {
      const found = await find(entry).catch(() => undefined)
      const refused = error instanceof LivyRefusal
      if (found !== undefined && (!refused || /Duplicate session name/.test(error.message))) return { entry, found }
      if (!refused) throw error
      // Livy keeps a batch that it refuses for its file as `starting`, for ever.
      if (found !== undefined) await call(entry, 'DELETE').catch(() => {})
      await entries.remove(entry)
      throw scrub.refusal(entry, error)
    }
  }

  async function discard({ entry }: Made): Promise<void> {
    await call(entry, 'DELETE').catch(() => {})
    await entries.remove(entry)
  }

  return {
    room,
    /** What is known by this mark, at Livy, too; one that Livy does not have is forgotten. */
    async remembered(type: Entry['type'], mark: string, options: Options): Promise<Made | undefined> {
      const making = underWay.get(`${type}/${mark}`)
      if (making !== undefined) return await making
      const entry = entries.byMark(type, mark)
      if (entry === undefined) return undefined
      const found = await find(entry, options)
      if (found !== undefined) return { entry, found }
      await onGone(entry, 'it was never made, or Livy lost it')
      return undefined
    },
    /** Livy cannot be told to stop making one: where the caller leaves, it is ended as soon as it is there, unless it `stays`. */
    async make(entry: Entry, body: Record<string, unknown>, { signal, stays }: MakeOptions): Promise<Made> {
      const key = `${entry.type}/${entry.mark}`
      const making = post(entry, body).finally(() => underWay.delete(key))
      underWay.set(key, making)
      if (signal === undefined) return await making
      const left = Promise.withResolvers<never>()
      const onAbort = () => left.reject(new ArchipelError('CANCELLED', 'the call was cancelled'))
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      try {
        return await Promise.race([making, left.promise])
      } catch (error) {
        if (signal.aborted && stays?.() !== true) void making.then(discard).catch(() => {})
        throw error
      } finally {
        signal.removeEventListener('abort', onAbort)
        left.promise.catch(() => {})
      }
    },
  }
}
