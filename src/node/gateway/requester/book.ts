import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { LivyBatchRequest, LivyKind, LivySessionRequest } from '../../../protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { EntryType, Line, Made } from '../calls.ts'
import { kindOfFile } from '../kinds.ts'
import { type BatchEntry, type Entry, type EntryComponents, entryOf, type SessionEntry } from './entry.ts'
import type { Outputs } from './outputs.ts'
import type { Peers } from './peers.ts'
import type { EntryRecord, EntryStore } from './records.ts'
import type { Routing } from './routing.ts'
import { forSite } from './shown.ts'
import { atIsland, duplicate, tooMany } from './words.ts'

export interface BookInit {
  self: string
  /** Entries of this endpoint, ended ones among them. */
  maxEntries: number
}

export interface BookComponents {
  store: EntryStore
  outputs: Outputs
  routing: Routing
  peers: Peers
  nameOf(island: string): string
  now(): number
  logger: Logger
}

type Asked = { type: 'session'; request: LivySessionRequest } | { type: 'batch'; request: LivyBatchRequest }

/** All sessions and batches of this endpoint. */
export interface Book {
  load(): Promise<string[]>
  all(type: 'session'): SessionEntry[]
  all(type: 'batch'): BatchEntry[]
  /** By number, or by name. @throws `LivyRefusal` 404 */
  get(type: 'session', ref: number | string): SessionEntry
  get(type: 'batch', ref: number | string): BatchEntry
  byKey(key: string): Entry | undefined
  at(island: string): Entry[]
  create(asked: Asked & { type: 'session' }, who: { user: string; signal: AbortSignal }): Promise<SessionEntry>
  create(asked: Asked & { type: 'batch' }, who: { user: string; signal: AbortSignal }): Promise<BatchEntry>
  /** Ends it where it runs, and forgets it; where that island cannot be asked, it is told later. */
  remove(entry: Entry): Promise<void>
  /** It cannot be told of any more: ended here, and there as soon as it can be asked. */
  giveUp(entry: Entry, why: string): void
  /** Whether an island has to be told that something is not wanted. */
  owes(island: string): boolean
  told(island: string): Promise<void>
}

/** Answers that say for sure that nothing was made. */
const NOT_MADE = new Set([
  'FORBIDDEN',
  'LANGUAGE_MISSING',
  'DATASET_NOT_FOUND',
  'STALE',
  'NOT_READY',
  'SQL_INVALID',
  'TOO_MANY',
  'NO_SANDBOX',
  'NOT_A_MEMBER',
  'BAD_INPUT',
])
/** Milliseconds that an island which has to end something may be away; then it is told later. */
const GONE_MS = 5_000

export function book(init: BookInit, components: BookComponents): Book {
  const { store, outputs, routing, peers, now, logger, nameOf } = components
  const entries = { session: new Map<number, Entry>(), batch: new Map<number, Entry>() }
  const keys = new Map<string, Entry>()
  const next: Record<EntryType, number> = { session: 0, batch: 0 }
  const owed = new Set<string>()
  const removed = new Set<Entry>()
  const writes = new Map<Entry, Promise<unknown>>()

  const failed = (error: unknown) => logger.error({ err: error }, 'an entry of the Livy endpoint could not be written')

  /** One write after the other of each entry; what is forgotten is not written again. */
  function save(entry: Entry): Promise<void> {
    const last = writes.get(entry) ?? Promise.resolve()
    const writing = last.then(async () => {
      if (!removed.has(entry)) await store.put(entry.record)
    })
    const settled = writing.catch(failed)
    writes.set(entry, settled)
    void settled.then(() => writes.get(entry) === settled && writes.delete(entry))
    return writing
  }

  function add(record: EntryRecord): Entry {
    const parts: EntryComponents = { nameOf, outputs, now, save: () => void save(entry).catch(() => {}) }
    const entry: Entry = entryOf(record, parts)
    entries[record.type].set(record.id, entry)
    keys.set(record.key, entry)
    return entry
  }

  async function forget(entry: Entry): Promise<void> {
    const { type, id, key } = entry.record
    removed.add(entry)
    entries[type].delete(id)
    keys.delete(key)
    entry.changes.fire()
    await writes.get(entry)
    await store.delete(entry.record)
    await outputs.drop(key)
    removed.delete(entry)
  }

  async function owe(island: string): Promise<void> {
    owed.add(island)
    await store.owe(island, true)
    peers.want(island)
  }

  const told = (entry: Entry) => entry.record.made !== undefined

  /** The first island that takes it. */
  async function place(
    entry: Entry,
    asked: Asked,
    candidates: { island: string; why: string }[],
    more: object,
  ): Promise<Made> {
    const { record } = entry
    const why: { island: string; error: ArchipelError }[] = []
    for (const candidate of candidates) {
      if (record.island !== candidate.island) {
        Object.assign(record, candidate)
        await save(entry)
      } else record.why = candidate.why
      const making = {
        key: record.key,
        user: record.owner,
        datasets: record.datasets,
        ...more,
        ...asked,
        request: forSite(asked.request),
      } as Parameters<Line['create']>[0]
      try {
        const made = await peers.ask(candidate.island, (line) => line.create(making), { waitMs: 0, repeat: true })
        record.engine = made.engine
        return made
      } catch (cause) {
        if (cause instanceof LivyRefusal) throw cause
        const error = toArchipelError(cause)
        if (!NOT_MADE.has(error.code) && candidate.island !== init.self) await owe(candidate.island)
        why.push({ island: candidate.island, error })
      }
    }
    throw reason(why, asked)
  }

  function reason(why: { island: string; error: ArchipelError }[], asked: Asked): ArchipelError {
    const kind: LivyKind = asked.type === 'session' ? asked.request.kind : kindOfFile(asked.request.file)
    const [only] = why
    const error = only!.error
    const able = routing.able(kind).filter((name) => !why.some(({ island }) => nameOf(island) === name))
    const hint =
      error.code !== 'LANGUAGE_MISSING'
        ? error.hint
        : able.length === 0
          ? 'No island of this archipelago says that it can.'
          : `${able.slice(0, 5).join(', ')} can: name one with spark.archipel.island, or the data with spark.archipel.datasets, in conf.`
    const said = why.map((w) => atIsland(w.error, w.island === init.self ? undefined : nameOf(w.island)).message)
    if (why.length === 1) return new ArchipelError(error.code, said[0]!, { hint, cause: error })
    const each = why
      .map(({ island }, i) => (island === init.self ? `${nameOf(island)}: ${said[i]}` : said[i]))
      .join('; ')
    return new ArchipelError(error.code, `no island that holds the data takes it: ${each}`, { hint, cause: error })
  }

  async function create(asked: Asked, who: { user: string; signal: AbortSignal }): Promise<Entry> {
    const { type, request } = asked
    const conf = request.conf ?? {}
    const kind = type === 'session' ? request.kind : kindOfFile(request.file)
    const route = await routing.route({ conf, name: request.name, kind }, { signal: who.signal })
    const own = entries[type]
    if (own.size >= init.maxEntries) throw tooMany()
    const id = next[type]++
    if (request.name !== undefined && [...own.values()].some((e) => e.record.name === request.name)) {
      await store.skip(type, id)
      throw duplicate(request.name, id)
    }
    const [first] = route.candidates
    const record = {
      type,
      request,
      id,
      key: randomUUID(),
      island: first!.island,
      owner: who.user,
      name: request.name ?? null,
      datasets: route.datasets,
      why: first!.why,
      created: now(),
    } as EntryRecord
    const entry = add(record)
    entry.creating = true
    try {
      await store.create(record)
      const made = await place(
        entry,
        asked,
        route.candidates,
        route.engine === undefined ? {} : { engine: route.engine },
      )
      record.made = now()
      entry.next = 0
      entry.attached = true
      if (made.session !== undefined && entry.told === 0) entry.take({ type: 'session', session: made.session })
      if (made.batch !== undefined && entry.told === 0) entry.take({ type: 'batch', batch: made.batch })
      await save(entry)
      return entry
    } catch (error) {
      await forget(entry).catch(failed)
      throw error
    } finally {
      entry.creating = false
    }
  }

  function get(type: EntryType, ref: number | string): Entry {
    const own = entries[type]
    const entry =
      typeof ref === 'number' ? own.get(ref) : [...own.values()].find((e) => e.record.name === ref && told(e))
    if (entry === undefined || !told(entry)) throw notFound(ref)
    return entry
  }

  return {
    async load() {
      const loaded = await store.load()
      Object.assign(next, loaded.next)
      for (const record of loaded.entries) add(record)
      for (const island of loaded.owed) owed.add(island)
      await outputs.sweep(new Set(keys.keys()))
      for (const [key, statements] of await outputs.load()) keys.get(key)?.remember(statements)
      return [...new Set([...loaded.owed, ...[...keys.values()].map((e) => e.record.island)])]
    },
    all: ((type: EntryType) => [...entries[type].values()].filter(told)) as Book['all'],
    get: get as Book['get'],
    byKey: (key) => keys.get(key),
    at: (island) => [...keys.values()].filter((e) => e.record.island === island && e.record.given !== true),
    create: create as Book['create'],
    async remove(entry) {
      const { island, key, given } = entry.record
      const ending =
        given === true
          ? Promise.resolve()
          : peers.ask(island, (line) => line.delete(key), { waitMs: GONE_MS, repeat: true })
      await ending.catch(async (error: unknown) => {
        logger.debug({ err: error, island }, 'what was deleted here is ended there later')
        await owe(island)
      })
      await forget(entry)
    },
    giveUp(entry, why) {
      entry.record.given = true
      entry.end('dead', why)
      void owe(entry.record.island).catch(failed)
    },
    owes: (island) => owed.has(island),
    async told(island) {
      if (owed.delete(island)) await store.owe(island, false)
    },
  }
}
