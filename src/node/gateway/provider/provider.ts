import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { LivyStatement } from '../../../protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { withJournal } from '../../../protocols/model/with-journal.ts'
import type { JournalPort } from '../../journal/journal.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { DataBinder } from '../../tasks/port.ts'
import type { Attached, LivyCalls, Made, Making, OnChange } from '../calls.ts'
import { TASK_KIND } from '../kinds.ts'
import type { LivySite, SiteChange } from '../site.ts'
import { chooseSite, kindOf } from './choose-site.ts'
import { endAt, type Held, held, isSession } from './held.ts'
import type { HeldRecord, HeldStore } from './records.ts'
import { soundness } from './soundness.ts'
import { upkeep } from './upkeep.ts'

export interface ProviderInit {
  self: string
  /** Unfinished sessions and batches of one other island. */
  perIsland: number
  /** Milliseconds without a line of an asker after which its sessions are ended. */
  abandonedMs: number
  /** Milliseconds that a site may not answer before what ran there counts as lost. */
  lostMs: number
}

export interface ProviderComponents {
  /** Best first. */
  sites: readonly LivySite[]
  store: HeldStore
  data: DataBinder
  policy: PolicyPort
  journal: JournalPort
  logger: Logger
  now?: () => number
}

export interface Provider {
  /** Takes up what was held. */
  start(): Promise<void>
  stop(): void
  /** The way of one asker, until `close`: a newer one takes its place. */
  line(island: string, onChange: OnChange): LivyCalls & { close(): void }
  /** Ids of the datasets that unfinished sessions and batches have. */
  datasets(): string[]
  /** Of an asker's own session. */
  statement(island: string, key: string, statement: number): Promise<LivyStatement>
}

/** Runs sessions and batches at this island's sites, for its own clients and for other islands alike. */
export function provider(init: ProviderInit, components: ProviderComponents): Provider {
  const { sites, store, data, policy, journal, logger } = components
  const now = components.now ?? Date.now
  const all = new Map<string, Held>()
  const lines = new Map<string, OnChange>()
  const turns = new Map<string, Promise<unknown>>()
  const stopping = new AbortController()
  const idOf = (island: string, key: string) => `${island}/${key}`

  /** What is done about one entry is done one after the other. */
  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const next = (turns.get(id) ?? Promise.resolve()).then(work, work)
    const settled = next.then(
      () => {},
      () => {},
    )
    turns.set(id, settled)
    void settled.then(() => turns.get(id) === settled && turns.delete(id))
    return next
  }

  function add(record: HeldRecord, site: LivySite): Held {
    const entry = held(record, site)
    all.set(idOf(record.island, record.key), entry)
    return entry
  }

  const sound = soundness({
    data,
    async keep(entry) {
      if (all.get(idOf(entry.record.island, entry.record.key)) === entry) await store.put(entry.record)
    },
    logger,
    signal: stopping.signal,
  })
  const telling = new Map<Held, Promise<void>>()

  /** In the order in which they came, though the data are looked at before some are told. */
  function tell(entry: Held, change: SiteChange): void {
    const { island, key } = entry.record
    const send = (checked: SiteChange) => lines.get(island)?.(key, checked)
    const before = telling.get(entry)
    if (before === undefined && !sound.asks(entry, change)) {
      send(change)
      return
    }
    const next = (before ?? Promise.resolve())
      .then(async () => send(await sound.change(entry, change)))
      .catch((error: unknown) => logger.warn({ err: error, key }, 'a change could not be told'))
    telling.set(entry, next)
    void next.then(() => telling.get(entry) === next && telling.delete(entry))
  }

  const follow = (entry: Held) => entry.follow((change) => tell(entry, change))

  function get(island: string, key: string): Held {
    const entry = all.get(idOf(island, key))
    if (entry === undefined) throw notFound(key)
    return entry
  }

  /** Of entries after a restart: asks the site whether it is there. */
  async function find(entry: Held): Promise<void> {
    const { type, mark } = entry.record
    const there = await (type === 'session' ? entry.site.findSession(mark) : entry.site.findBatch(mark))
    if (entry.id !== undefined || entry.lost !== undefined) return
    if (there === undefined) entry.lose(lostWords(entry))
    else {
      entry.found(there)
      tell(entry, isSession(there) ? { type: 'session', session: there } : { type: 'batch', batch: there })
      follow(entry)
    }
  }

  const lostWords = ({ record }: Held) =>
    `the ${record.type} is not there any more: ${record.engine === 'livy' ? 'Livy' : 'the engine'} was restarted or has forgotten it`

  async function forget(entry: Held): Promise<void> {
    const { island, key } = entry.record
    await endAt(entry)
    entry.unwatch()
    all.delete(idOf(island, key))
    await store.delete(entry.record)
  }

  async function make(island: string, making: Making): Promise<Made> {
    const known = all.get(idOf(island, making.key))
    if (known !== undefined) {
      if (known.id === undefined) await find(known)
      return await madeOf(known)
    }
    const site = chooseSite(sites, policy, { island, making })
    const unfinished = [...all.values()].filter((e) => e.record.island === island && !e.over).length
    if (island !== init.self && unfinished >= init.perIsland)
      throw new ArchipelError('TOO_MANY', `${unfinished} sessions and batches of your island run here already`, {
        hint: 'End some of them first.',
      })
    const kind = TASK_KIND[kindOf(making)]
    const datasets = await data.bind(making.datasets, { kind, engine: site.engine })
    const record: HeldRecord = {
      island,
      key: making.key,
      type: making.type,
      user: making.user,
      engine: site.engine,
      mark: `archipel-${randomUUID()}`,
      datasets: making.datasets,
      created: now(),
    }
    await store.put(record)
    const entry = add(record, site)
    const forwarded = island !== init.self
    const user = forwarded ? `${making.user}@${island}` : making.user
    const mark = { mark: record.mark, datasets, forwarded, user }
    try {
      entry.found(
        making.type === 'session'
          ? await site.createSession(making.request, mark)
          : await site.createBatch(making.request, mark),
      )
    } catch (error) {
      if (error instanceof LivyRefusal) {
        all.delete(idOf(island, making.key))
        await store.delete(record)
        throw error
      }
      // It may have been made all the same.
      await find(entry).catch(() => {})
      if (entry.id === undefined) {
        await forget(entry).catch((cause: unknown) =>
          logger.warn({ err: cause }, 'Livy did not answer; what it may have made is ended when it does'),
        )
        throw error
      }
    }
    follow(entry)
    return await madeOf(entry)
  }

  async function madeOf(entry: Held): Promise<Made> {
    const { record } = entry
    if (entry.object === undefined || entry.lost !== undefined) throw notFound(record.key)
    const object = await sound.object(entry, entry.object)
    return isSession(object) ? { engine: record.engine, session: object } : { engine: record.engine, batch: object }
  }

  async function attach(island: string, wanted: { key: string }[]): Promise<Attached[]> {
    const keys = new Set(wanted.map((w) => w.key))
    for (const entry of all.values()) {
      const { key } = entry.record
      if (entry.record.island !== island || keys.has(key)) continue
      entry.unwanted = true
      void inTurn(idOf(island, key), () => forget(entry)).catch((error: unknown) =>
        logger.debug({ err: error }, 'an entry that nobody has any more could not be ended yet'),
      )
    }
    return await Promise.all(
      wanted.map(({ key }) =>
        inTurn(idOf(island, key), async (): Promise<Attached> => {
          const entry = all.get(idOf(island, key))
          if (entry === undefined) return { key, state: 'lost', why: 'the island that ran it knows nothing of it' }
          if (entry.id === undefined && entry.lost === undefined) await find(entry).catch(() => {})
          if (entry.lost !== undefined) return { key, state: 'lost', why: entry.lost }
          if (entry.object === undefined) return { key, state: 'later' }
          const object = await sound.object(entry, entry.object)
          follow(entry)
          return isSession(object) ? { key, state: 'there', session: object } : { key, state: 'there', batch: object }
        }),
      ),
    )
  }

  /** Every kind of code is asked for by itself: a session of SQL is no way to run programs. */
  function mayRun(entry: Held, kind: Parameters<typeof kindPolicy>[0] | undefined): void {
    if (kind === undefined) return
    const { island, user, engine } = entry.record
    policy.check({ island, user, action: 'task:run', kind: kindPolicy(kind), engine })
  }
  const kindPolicy = (kind: keyof typeof TASK_KIND) => TASK_KIND[kind]

  async function journalled<T>(island: string, making: Making, work: () => Promise<T>): Promise<T> {
    const entry = { actor: `${making.user}@${island}`, action: `livy:${making.type}`, subject: making.key }
    const code = (cause: unknown) =>
      cause instanceof LivyRefusal ? `HTTP ${cause.status}` : toArchipelError(cause).code
    return await withJournal(journal, entry, work, { code })
  }

  /** Not while something is done about it: what is being made is not there yet. */
  const unlessBusy = (work: (entry: Held) => Promise<void>) => async (entry: Held) => {
    const id = idOf(entry.record.island, entry.record.key)
    if (!turns.has(id)) await inTurn(id, () => work(entry))
  }
  const care = upkeep(init, {
    all: () => all.values(),
    hasLine: (island) => lines.has(island),
    find: unlessBusy(find),
    forget: unlessBusy(forget),
    now,
    logger,
  })

  return {
    async start() {
      for (const record of await store.all()) {
        const site = sites.find((s) => s.engine === record.engine)
        if (site === undefined) {
          logger.warn(
            { key: record.key },
            `what ran on the engine ${record.engine} is lost: it is not configured any more`,
          )
          await store.delete(record)
        } else add(record, site)
      }
      care.start()
    },
    stop() {
      care.stop()
      stopping.abort()
      for (const entry of all.values()) entry.unwatch()
      lines.clear()
    },
    datasets: () => [...all.values()].flatMap(({ over, record }) => (over ? [] : record.datasets.map(({ id }) => id))),
    async statement(island, key, statement) {
      const entry = get(island, key)
      return await sound.statement(entry, await entry.site.statement(entry.there(), statement))
    },
    line(island, onChange) {
      lines.set(island, onChange)
      /** Calls that are about a session as it is there. */
      const at = <T>(key: string, work: (entry: Held, id: number) => Promise<T>): Promise<T> => {
        const entry = get(island, key)
        return work(entry, entry.there())
      }
      return {
        close() {
          if (lines.get(island) === onChange) lines.delete(island)
        },
        attach: (entries) => attach(island, entries),
        create: (making) =>
          inTurn(idOf(island, making.key), () => journalled(island, making, () => make(island, making))),
        delete: (key) =>
          inTurn(idOf(island, key), async () => {
            const entry = all.get(idOf(island, key))
            if (entry !== undefined) await forget(entry)
          }),
        stop: (key) => at(key, ({ site }, id) => site.stopSession(id)),
        log: (key, range, options) =>
          at(key, async (entry, id) => {
            const { site, record } = entry
            const told =
              record.type === 'session' ? site.sessionLog(id, range, options) : site.batchLog(id, range, options)
            return sound.log(entry, await told, range)
          }),
        statements: (key, options) =>
          at(key, async (entry, id) => await sound.statements(entry, await entry.site.statements(id, options))),
        // Whoever leaves meanwhile: what was asked of the site is not taken back.
        submit: (key, request, expect) =>
          at(key, async (entry, id) => {
            mayRun(entry, request.kind)
            return await sound.statement(entry, await entry.site.submit(id, request, expect))
          }),
        cancel: (key, statement) => at(key, ({ site }, id) => site.cancelStatement(id, statement)),
        complete: (key, request, options) => at(key, ({ site }, id) => site.complete(id, request, options)),
        submitJob: (key, way, request) => at(key, ({ site }, id) => site.submitJob(id, way, request)),
        job: (key, job, options) => at(key, ({ site }, id) => site.job(id, job, options)),
        cancelJob: (key, job) => at(key, ({ site }, id) => site.cancelJob(id, job)),
        add: (key, what, uri) => at(key, ({ site }, id) => site.add(id, what, uri)),
        upload: (key, what, file) => at(key, ({ site }, id) => site.upload(id, what, file)),
      }
    },
  }
}
