import type { Logger } from 'pino'
import type {
  LivyArtifact,
  LivyBatch,
  LivyBatchRequest,
  LivySession,
  LivySessionRequest,
  LivyStatement,
} from '../../../protocols/livy/objects.ts'
import { LIVY_KINDS } from '../../../protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { ParamValue } from '../../../protocols/model/task.ts'
import type { LivySite, Mark } from '../../gateway/site.ts'
import type { BoundDataset } from '../port.ts'
import { type Entries, type Entry, type SiteStore, siteEntries } from './entries.ts'
import { type Location, locator, sparkDataset } from './locations.ts'
import { type MakeOptions, rootOf, siteMaking } from './making.ts'
import { plainName } from './plain-name.ts'
import { batchBody, type ProxyUsers, proxyUserOf, sessionBody, shownSession } from './requests.ts'
import type { LivyCall, LivyRest } from './rest.ts'
import { siteScrubber } from './scrub.ts'
import {
  abilitiesOf,
  type LivyAbilities,
  readBatch,
  readJob,
  readList,
  readLog,
  readSession,
  readVersion,
} from './shapes.ts'
import { siteStatements } from './statements.ts'
import { livyWatcher } from './watcher.ts'

export interface LivySiteInit {
  /** Tells this island's sessions from those of others at the same Livy: letters, digits and dashes. */
  prefix: string
  locations?: Location[]
  /** Spark settings of every session and batch, e.g. where drivers listen. */
  conf?: Record<string, string>
  proxyUsers?: ProxyUsers
  /** Sessions and batches that are not over. Default 8: a Livy as it comes has ports for about ten. */
  maxSessions?: number
  /** Milliseconds after which a session that nobody uses is ended. Default 0: Livy's own time counts, an hour. */
  idleMs?: number
}

export interface LivySiteComponents {
  rest: LivyRest
  store: SiteStore
  logger?: Pick<Logger, 'debug' | 'info' | 'warn'>
}

/** With values for the code, for sessions of tasks. */
export interface LivyMark extends Mark {
  params?: Record<string, ParamValue>
}

/** What was made here and not deleted. */
export interface KeptAtLivy {
  type: 'session' | 'batch'
  /** Livy's, once it has answered. */
  id: number | undefined
  mark: string
  /** Of the work that it is for. */
  key: string | undefined
}

export interface RealLivySite extends LivySite {
  /** As whom work of this user runs that does not ask to be somebody; undefined: as Livy itself. */
  runsAs(user: string | undefined): string | undefined
  /** Reads what an earlier run left at Livy; asks Livy nothing. */
  start(): Promise<void>
  /** Sessions and batches go on. */
  stop(): Promise<void>
  createSession(request: LivySessionRequest, mark: LivyMark, options?: { signal?: AbortSignal }): Promise<LivySession>
  /** Data and values for a session that has run nothing yet. */
  bind(
    id: number,
    binding: { datasets: BoundDataset[]; params: Record<string, ParamValue>; forwarded: boolean; key?: string },
  ): Promise<void>
  createBatch(request: LivyBatchRequest, mark: Mark & { key?: string }, options?: MakeOptions): Promise<LivyBatch>
  /** All of it. */
  kept(): KeptAtLivy[]
  /** Why the data could not be made known to a session, in Spark's words; undefined when they could. */
  bindingError(id: number): Promise<string | undefined>
}

type Options = { signal?: AbortSignal }

const MAX_SESSIONS = 8
const LIST_SIZE = 1000
const IDLE_CHECK_MS = 30_000
const OLD_CHECK_MS = 600_000
const UPLOAD = { jar: ['upload-jar', 'jar'], pyfile: ['upload-pyfile', 'file'], file: ['upload-file', 'file'] } as const
const ADD: Record<LivyArtifact, string> = { jar: 'add-jar', pyfile: 'add-pyfile', file: 'add-file' }

/** A real Livy as a site. @see README.md */
export function livySite(init: LivySiteInit) {
  return ({ rest, store, logger }: LivySiteComponents): RealLivySite => {
    const entries: Entries = siteEntries(store, init.prefix)
    const locate = locator(init.locations ?? [])
    const scrub = siteScrubber(locate)
    let able: { abilities: LivyAbilities } | undefined
    const timers: NodeJS.Timeout[] = []

    async function abilities(options: Options = {}): Promise<LivyAbilities> {
      able ??= { abilities: abilitiesOf(readVersion(await rest.call('GET', '/version', options))) }
      return able.abilities
    }

    /** By the entry's name, so that what a restarted Livy has under this id is never met. */
    async function call(entry: Entry, method: 'GET' | 'POST' | 'DELETE', path = '', options: LivyCall = {}) {
      try {
        return await rest.call(method, `${rootOf(entry)}/${entry.name}${path}`, options)
      } catch (error) {
        if (error instanceof ArchipelError && error.code === 'ENGINE_DOWN') able = undefined
        throw error instanceof LivyRefusal ? scrub.refusal(entry, error) : error
      }
    }

    function entryOf(type: Entry['type'], id: number): Entry {
      const entry = entries.byId(type, id)
      if (entry === undefined) throw notFound(id)
      return entry
    }

    async function shown(entry: Entry, value: unknown): Promise<LivySession> {
      const session = readSession(value)
      entry.state = session.state
      if (session.state !== 'idle') entry.used = Date.now()
      return scrub.session(entry, shownSession(session, entry.asked as LivySessionRequest, await abilities()))
    }

    function shownBatch(entry: Entry, value: unknown): LivyBatch {
      const batch = readBatch(value)
      entry.state = batch.state
      return scrub.batch(entry, { ...batch, name: entry.asked.name ?? null })
    }

    const sessionNow = async (entry: Entry, options: Options = {}) =>
      await shown(entry, await call(entry, 'GET', '', options))
    const batchNow = async (entry: Entry, options: Options = {}) =>
      shownBatch(entry, await call(entry, 'GET', '', options))

    /** Everything of this island's that Livy lists. */
    async function listed<T>(type: Entry['type'], show: (entry: Entry, value: unknown) => Promise<T> | T) {
      const found = new Map<string, T>()
      for (let from = 0; ; from += LIST_SIZE) {
        const answer = await rest.call('GET', rootOf({ type }), { query: { from, size: LIST_SIZE } })
        const { total, entries: page } = readList(answer, (each) => each as { name?: unknown })
        for (const each of page) {
          const entry = typeof each.name === 'string' ? entries.byName(each.name) : undefined
          if (entry?.type === type) found.set(entry.name, await show(entry, each))
        }
        if (page.length === 0 || from + page.length >= total) return found
      }
    }

    const statements = siteStatements({ call, entries, binding: bindingOf, scrub })

    function bindingOf({ datasets, params = {} }: Entry) {
      return { datasets: datasets.map((each) => sparkDataset(each, locate)), params }
    }

    const watcher = livyWatcher({
      livy: {
        session: (entry) => sessionNow(entry),
        batch: (entry) => batchNow(entry),
        sessions: () => listed('session', shown),
        batches: () => listed('batch', shownBatch),
        statement: (entry, id) => statements.one(entry, id),
        statements: (entry) => statements.all(entry),
      },
      onLost: (entry) => void gone(entry, 'Livy does not have it any more'),
    })

    async function gone(entry: Entry, why: string): Promise<void> {
      logger?.info({ type: entry.type, id: entry.id, why }, 'a session or batch of Livy is gone')
      await entries.remove(entry).catch(() => {})
    }

    const making = siteMaking({
      rest,
      entries,
      scrub,
      call,
      maxSessions: init.maxSessions ?? MAX_SESSIONS,
      onGone: gone,
    })

    function additions(entry: Entry, proxyUser: string | undefined) {
      return { name: entry.name, proxyUser, conf: init.conf ?? {}, datasets: bindingOf(entry).datasets }
    }

    async function end(type: Entry['type'], id: number, options: Options): Promise<void> {
      const entry = entryOf(type, id)
      watcher.forget(entry)
      try {
        await call(entry, 'DELETE', '', options)
      } finally {
        await entries.remove(entry)
      }
    }

    /** Livy sees only our looks at it and would keep a session for another hour. */
    async function endIdle(): Promise<void> {
      const idle = (entry: Entry) =>
        entry.type === 'session' && entry.state === 'idle' && Date.now() - entry.used > (init.idleMs ?? 0)
      for (const entry of entries.all().filter(idle)) {
        try {
          await sessionNow(entry)
          if (!idle(entry)) continue
          logger?.info({ id: entry.id }, 'a session of Livy is ended: nobody uses it')
          await call(entry, 'DELETE')
        } catch (error) {
          logger?.debug({ id: entry.id, err: error }, 'an idle session of Livy could not be ended')
        }
        watcher.touched(entry)
      }
    }

    /** Livy forgets what ended after ten minutes; what nobody looked at since is forgotten here, too. */
    async function forgetOld(): Promise<void> {
      for (const type of ['session', 'batch'] as const) {
        const before = entries.all().filter((entry) => entry.type === type && entry.id !== undefined)
        const there = await listed(type, () => true)
        for (const entry of before) if (!there.has(entry.name)) await gone(entry, 'Livy does not have it any more')
      }
    }

    function artifact(id: number, path: string, options: LivyCall): Promise<unknown> {
      const entry = entryOf('session', id)
      entry.used = Date.now()
      return call(entry, 'POST', path, options)
    }

    return {
      engine: 'livy',
      kinds: () => new Set(LIVY_KINDS),
      runsAs: (user) => proxyUserOf(undefined, user, init.proxyUsers ?? {}),
      state: () => rest.state(),
      version: async (options = {}) => readVersion(await rest.call('GET', '/version', options)),

      async start() {
        await entries.load()
        if ((init.idleMs ?? 0) > 0) timers.push(setInterval(() => void endIdle(), IDLE_CHECK_MS).unref())
        timers.push(setInterval(() => void forgetOld().catch(() => {}), OLD_CHECK_MS).unref())
      },
      async stop() {
        for (const timer of timers) clearInterval(timer)
        watcher.stop()
        await rest.close()
      },
      kept: () => entries.all().map(({ type, id, mark, key }) => ({ type, id, mark, key })),

      async createSession(request, { mark, datasets, params, forwarded, user }, options = {}) {
        const known = await making.remembered('session', mark, options)
        if (known !== undefined) return await shown(known.entry, known.found)
        const proxyUser = proxyUserOf(request.proxyUser, user, init.proxyUsers ?? {})
        making.room()
        const able_ = await abilities(options)
        const entry = await entries.make({ mark, type: 'session', asked: request, datasets, params, forwarded })
        const { found } = await making.make(entry, sessionBody(request, additions(entry, proxyUser), able_), options)
        return await shown(entry, found)
      },
      async findSession(mark, options = {}) {
        const known = await making.remembered('session', mark, options)
        return known && (await shown(known.entry, known.found))
      },
      session: async (id, options) => await sessionNow(entryOf('session', id), options),
      async sessionLog(id, { from, size }, options = {}) {
        const entry = entryOf('session', id)
        return scrub.log(entry, readLog(await call(entry, 'GET', '/log', { ...options, query: { from, size } })))
      },
      deleteSession: async (id, options = {}) => await end('session', id, options),
      async stopSession(id, options = {}) {
        const entry = entryOf('session', id)
        await call(entry, 'POST', '/stop', options)
        watcher.touched(entry)
      },
      async bind(id, { datasets, params, forwarded, key }) {
        const entry = entryOf('session', id)
        Object.assign(entry, { datasets, params, forwarded, ...(key === undefined ? {} : { key }) })
        await entries.save(entry)
      },
      bindingError: async (id) => await statements.bindingError(entryOf('session', id)),

      statements: async (id, options) => await statements.all(entryOf('session', id), options),
      async submit(id, request, expect, options = {}) {
        const entry = entryOf('session', id)
        entry.used = Date.now()
        const statement: LivyStatement = await statements.submit(entry, request, expect, options)
        watcher.submitted(entry, statement)
        return statement
      },
      statement: async (id, statement, options) => await statements.one(entryOf('session', id), statement, options),
      async cancelStatement(id, statement, options = {}) {
        const entry = entryOf('session', id)
        await statements.cancel(entry, statement, options)
        watcher.cancelled(entry, statement)
      },
      async complete(id, request, options = {}) {
        const entry = entryOf('session', id)
        const answer = (await call(entry, 'POST', '/completion', { ...options, body: request })) as {
          candidates?: unknown
        }
        return Array.isArray(answer?.candidates) ? answer.candidates.map(String) : []
      },
      submitJob: async (id, way, request, options = {}) =>
        readJob(await artifact(id, way === 'submit' ? '/submit-job' : '/run-job', { ...options, body: request })),
      job: async (id, job, options = {}) => readJob(await call(entryOf('session', id), 'GET', `/jobs/${job}`, options)),
      cancelJob: async (id, job, options = {}) =>
        void (await call(entryOf('session', id), 'POST', `/jobs/${job}/cancel`, options)),
      async upload(id, what, { name, bytes }, options = {}) {
        const [path, part] = UPLOAD[what]
        await artifact(id, `/${path}`, { ...options, file: { part, name: plainName(name), bytes } })
      },
      add: async (id, what, uri, options = {}) =>
        void (await artifact(id, `/${ADD[what]}`, { ...options, body: { uri } })),

      async createBatch(request, { mark, datasets, forwarded, user, key }, options: MakeOptions = {}) {
        const known = await making.remembered('batch', mark, options)
        if (known !== undefined) return shownBatch(known.entry, known.found)
        const proxyUser = proxyUserOf(request.proxyUser, user, init.proxyUsers ?? {})
        making.room()
        const entry = await entries.make({
          mark,
          type: 'batch',
          asked: request,
          datasets,
          forwarded,
          ...(key === undefined ? {} : { key }),
        })
        const { found } = await making.make(entry, batchBody(request, additions(entry, proxyUser)), options)
        return shownBatch(entry, found)
      },
      async findBatch(mark, options = {}) {
        const known = await making.remembered('batch', mark, options)
        return known && shownBatch(known.entry, known.found)
      },
      batch: async (id, options) => await batchNow(entryOf('batch', id), options),
      async batchLog(id, { from, size }, options = {}) {
        const entry = entryOf('batch', id)
        return scrub.log(entry, readLog(await call(entry, 'GET', '/log', { ...options, query: { from, size } })))
      },
      deleteBatch: async (id, options = {}) => await end('batch', id, options),

      watch(what, onChange) {
        const type = 'session' in what ? 'session' : 'batch'
        const entry = entries.byId(type, 'session' in what ? what.session : what.batch)
        if (entry !== undefined) return watcher.watch(entry, onChange)
        let wanted = true
        queueMicrotask(() => wanted && onChange({ type: 'lost', why: 'this island has made none of this id' }))
        return () => {
          wanted = false
        }
      },
    }
  }
}
