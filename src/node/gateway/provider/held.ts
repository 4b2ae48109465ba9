import type { LivyBatch, LivySession } from '../../../protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { LivySite, SiteChange } from '../site.ts'
import type { HeldRecord } from './records.ts'

/** One session or batch of an asker, at its site. */
export interface Held {
  readonly record: HeldRecord
  readonly site: LivySite
  /** Its id there; undefined while nobody knows, e.g. after a restart while the site does not answer. */
  readonly id: number | undefined
  readonly lost: string | undefined
  /** Whether it came to an end there. */
  readonly over: boolean
  /** Nobody has it any more: to be ended as soon as the site can be asked. */
  unwanted: boolean
  /** What it is now, as last told. */
  readonly object: LivySession | LivyBatch | undefined
  /** It is this one there; watches it from now on. */
  found(object: LivySession | LivyBatch): void
  /** Tells of every change from now on, and of what is unfinished at once. */
  follow(listener: (change: SiteChange) => void): void
  /** There is none of it any more. */
  lose(why: string): void
  /** The id at the site. @throws `LivyRefusal` 404, ENGINE_DOWN while nobody knows */
  there(): number
  unwatch(): void
}

const ENDS = new Set(['dead', 'killed', 'success'])

export function held(record: HeldRecord, site: LivySite): Held {
  let id: number | undefined
  let lost: string | undefined
  let object: LivySession | LivyBatch | undefined
  let listener: ((change: SiteChange) => void) | undefined
  let stop: (() => void) | undefined

  function onChange(change: SiteChange): void {
    if (lost !== undefined) return
    if (change.type === 'session') object = change.session
    else if (change.type === 'batch') object = change.batch
    else if (change.type === 'lost') lost = change.why
    listener?.(change)
  }

  function watch(): void {
    stop?.()
    if (id === undefined || lost !== undefined) return
    stop = site.watch(record.type === 'session' ? { session: id } : { batch: id }, onChange)
  }

  return {
    record,
    site,
    unwanted: false,
    get id() {
      return id
    },
    get lost() {
      return lost
    },
    get over() {
      return lost !== undefined || (object !== undefined && ENDS.has(object.state))
    },
    get object() {
      return object
    },
    found(now) {
      id = now.id
      object = now
      watch()
    },
    follow(to) {
      listener = to
      watch()
    },
    lose(why) {
      if (lost !== undefined) return
      stop?.()
      onChange({ type: 'lost', why })
    },
    there() {
      if (lost !== undefined) throw notFound(record.key)
      if (id === undefined)
        throw new ArchipelError('ENGINE_DOWN', 'Livy has not answered yet since this island started')
      return id
    },
    unwatch() {
      stop?.()
      stop = undefined
      listener = undefined
    },
  }
}

export const isSession = (object: LivySession | LivyBatch): object is LivySession => 'kind' in object

/**
 * Asks the site to end it; what is gone already is gone. It is looked for by its mark: after a restart of Livy the id may be
 * that of another one.
 */
export async function endAt({ site, record }: Held): Promise<void> {
  const there = await (record.type === 'session' ? site.findSession(record.mark) : site.findBatch(record.mark))
  if (there === undefined) return
  try {
    await (record.type === 'session' ? site.deleteSession(there.id) : site.deleteBatch(there.id))
  } catch (error) {
    if (!(error instanceof LivyRefusal && error.status === 404)) throw error
  }
}
