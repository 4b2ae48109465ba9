import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { CatalogChange, CatalogPort } from '../catalog/port.ts'
import type { IndexChange, IndexEntry, SearchPort } from '../search/port.ts'

export interface FeedComponents {
  catalog: CatalogPort
  search: SearchPort
  entryOf: (record: SignedRecord) => IndexEntry
  holdersOf: (publisher: string, id: string) => string[]
  logger: Logger
}

/** Keeps the search index equal to the catalog, and builds it again when it broke. */
export interface Feed {
  /** Compares the whole index with the catalog: a crash may have left it behind. @throws DATA_DIR_BROKEN, DISK_FULL */
  start(): Promise<void>
  stop(): Promise<void>
  /** What changed in the catalog, and the claims whose holders changed. Never throws. */
  apply(changes: CatalogChange[], touched: { publisher: string; id: string }[]): void
  /** A look into the index, now. @throws RECOVERING while it is built again; DATA_DIR_BROKEN, DISK_FULL */
  look<T>(work: () => T): T
  /** A look for which one can wait. @throws DATA_DIR_BROKEN, DISK_FULL */
  whenWhole<T>(work: () => T): Promise<T>
}

/** Records read into the index at a time: each batch is one breath of the event loop, some 40 ms. */
const BATCH = 200
/** How often the index is begun anew before the failure is the caller's. */
const ATTEMPTS = 3

const keyOf = (publisher: string, id: string) => `${publisher} ${id}`

export function feed({ catalog, search, entryOf, holdersOf, logger }: FeedComponents): Feed {
  /** Whether the index has all that the catalog has. */
  let whole = false
  let stopped = false
  /** The reading under way. `changed`: publishers and claims that changed meanwhile, newer than what is read. */
  let reading: { done: Promise<void>; changed: Set<string>; broken: boolean } | undefined

  async function read(changed: Set<string>): Promise<void> {
    const known = new Map(search.versions().map((v) => [keyOf(v.publisher, v.id), v.recordedAt]))
    let batch: IndexEntry[] = []
    const flush = () => {
      search.putMany(batch.filter((e) => !changed.has(keyOf(e.publisher, e.id)) && !changed.has(e.publisher)))
      batch = []
    }
    for await (const record of catalog.list('dataset')) {
      if (stopped) return
      const key = keyOf(record.origin, record.id)
      const same = known.get(key) === record.time
      known.delete(key)
      if (same) search.setHolders({ publisher: record.origin, id: record.id }, holdersOf(record.origin, record.id))
      else batch.push(entryOf(record))
      if (batch.length >= BATCH) flush()
    }
    flush()
    for (const key of known.keys()) {
      const at = key.indexOf(' ')
      if (!changed.has(key)) search.remove({ publisher: key.slice(0, at), id: key.slice(at + 1) })
    }
  }

  async function readUntilWhole(anew: boolean): Promise<void> {
    for (let attempt = 1; !stopped; attempt++) {
      const now = reading!
      now.changed.clear()
      now.broken = false
      try {
        if (anew || attempt > 1) search.invalidate()
        await read(now.changed)
        if (now.broken) throw new ArchipelError('RECOVERING', 'the search index broke while it was built')
        whole = !stopped
        if (anew || attempt > 1) logger.info({ datasets: search.count() }, 'the search index is built again')
        return
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof ArchipelError) || error.code !== 'RECOVERING') throw error
      }
    }
  }

  function begin(anew: boolean): Promise<void> {
    if (reading !== undefined) return reading.done
    whole = false
    reading = { done: Promise.resolve(), changed: new Set(), broken: false }
    reading.done = readUntilWhole(anew)
      .catch((error: unknown) => {
        logger.error({ err: error }, 'the search index could not be built')
        throw error
      })
      .finally(() => {
        reading = undefined
      })
    return reading.done
  }

  function beginUnheard(): void {
    begin(true).catch(() => {})
  }

  /** What the index has to do: first what goes, then what is new, then who holds it. */
  function followed(changes: CatalogChange[], touched: { publisher: string; id: string }[]): IndexChange[] {
    const gone: IndexChange[] = []
    const entries: IndexEntry[] = []
    for (const change of changes) {
      if (change.type === 'dropped') gone.push({ type: 'removePublisher', publisher: change.origin })
      else if (change.type === 'withdrawn') {
        if (change.kind === 'dataset') gone.push({ type: 'remove', key: { publisher: change.origin, id: change.id } })
      } else if (change.record.kind === 'dataset') entries.push(entryOf(change.record))
    }
    const put: IndexChange[] = entries.length === 0 ? [] : [{ type: 'put', entries }]
    return [
      ...gone,
      ...put,
      ...touched.map((key): IndexChange => ({ type: 'holders', key, islands: holdersOf(key.publisher, key.id) })),
    ]
  }

  search.onBehind(() => void begin(false).catch(() => {}))

  const isBroken = (error: unknown) => error instanceof ArchipelError && error.code === 'RECOVERING'

  return {
    start: () => begin(false),
    async stop() {
      stopped = true
      await reading?.done.catch(() => {})
    },

    apply(changes, touched) {
      for (const change of reading === undefined ? [] : changes) {
        if (change.type === 'dropped') reading?.changed.add(change.origin)
        else if (change.type === 'withdrawn') reading?.changed.add(keyOf(change.origin, change.id))
        else reading?.changed.add(keyOf(change.record.origin, change.record.id))
      }
      try {
        search.follow(followed(changes, touched))
      } catch (error) {
        logger.error({ err: error }, 'the search index could not follow the catalog and is built again')
        if (reading === undefined) beginUnheard()
        else reading.broken = true
      }
    },

    look(work) {
      if (whole) {
        try {
          return work()
        } catch (error) {
          if (isBroken(error)) beginUnheard()
          throw error
        }
      }
      beginUnheard()
      throw new ArchipelError('RECOVERING', 'the search index is being built from the catalog', {
        hint: 'Try again in a moment.',
      })
    },

    async whenWhole(work) {
      if (!whole) await begin(true)
      try {
        return work()
      } catch (error) {
        if (!isBroken(error)) throw error
        await begin(true)
        return work()
      }
    },
  }
}
