import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { logPage } from '../../protocols/model/log-page.ts'
import { descending, pageOf } from '../../protocols/model/paging.ts'
import type { BoundRef } from '../../protocols/model/task.ts'
import type { LogPage, SessionRequest, StatementSummary } from '../../protocols/model/views.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import type { EnginePort, EngineSession, SessionInit } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { DataBinder } from '../tasks/port.ts'
import { type Held, held } from './held.ts'
import type { Places } from './places.ts'
import type { PageRequest, SessionFunctions, StatementFunctions, Who } from './port.ts'

export interface SessionsInit {
  self: string
  /** Sessions at a time. */
  max: number
  /** Milliseconds after which a session that nobody uses ends. */
  idleMs: number
}

export interface SessionsComponents {
  engine: Pick<EnginePort, 'createSession'>
  /** In that engine, shared with all who open sessions there. */
  places: Places
  data: DataBinder
  /** The one dataset that a ref means, pinned. @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID */
  pin(ref: string): Promise<BoundRef>
  /** The last id given, durable: an id of before a restart never means another session. */
  lastId: { get(): Promise<number>; put(id: number): Promise<void> }
  policy: PolicyPort
  journal: JournalPort
  logger: Pick<Logger, 'warn'>
  now?(): number
}

export interface Sessions {
  sessions: SessionFunctions
  statements: StatementFunctions
  /** Ids of the datasets that open ones have. */
  datasets(): string[]
  /** How many there are, by state. */
  status(): Record<'idle' | 'busy' | 'dead', number>
  stop(): Promise<void>
}

/** Milliseconds that a session is shown after its end, and how many of those. */
const KEPT_MS = 600_000
const KEPT = 100
const DEFAULT_LIMIT = 20
const MAX_ROWS = 1000

/** Sessions of this island's own engine, as Livy has them: one statement after the other, with what was defined before. */
export function sessions(init: SessionsInit, components: SessionsComponents): Sessions {
  const { data, journal, policy } = components
  const now = components.now ?? Date.now
  const all = new Map<number, Held>()
  const timers = new Map<number, NodeJS.Timeout>()
  let creating: Promise<unknown> = Promise.resolve()

  function find(id: number): Held {
    const found = all.get(id)
    if (found === undefined) throw new ArchipelError('SESSION_NOT_FOUND', `there is no session ${id}`)
    return found
  }

  /** The session, for somebody who wants to change something. */
  function own(id: number, { user = 'owner', onlyOwn = false }: Who): Held {
    const found = find(id)
    if (onlyOwn && found.owner !== user)
      throw new ArchipelError('FORBIDDEN', `session ${id} is of ${found.owner}`, {
        hint: 'Open a session of your own, or use a token with the scope admin.',
      })
    found.active = now()
    return found
  }

  function wrote(user: string, action: string, id: number): void {
    journal.write({ actor: `${user}@${init.self}`, action, subject: String(id), outcome: 'ok' })
  }

  function sweep(): void {
    const over = [...all.values()].filter((s) => s.ended !== undefined)
    for (const [i, session] of over.entries()) {
      if (i < over.length - KEPT || session.ended! + KEPT_MS <= now()) all.delete(session.id)
    }
  }

  /** Looks again when it could be idle for long enough. */
  function watch(session: Held): void {
    const wait = session.active + init.idleMs - now()
    const look = () => {
      if (session.ended !== undefined) return void timers.delete(session.id)
      if (session.busy) session.active = now()
      if (session.active + init.idleMs > now()) return watch(session)
      timers.delete(session.id)
      wrote(session.owner, 'session:idle', session.id)
      void session.close()
    }
    timers.set(session.id, setTimeout(look, Math.max(10, wait)).unref())
  }

  async function create(request: SessionRequest, user: string): Promise<Held> {
    policy.check({ island: init.self, user, action: 'task:run', kind: request.kind })
    const pinned = await Promise.all((request.datasets ?? []).map((ref) => components.pin(ref)))
    // Now, so that what is not here is told to who asks, and not to who looks at the session later.
    const bound = await data.bind(pinned, { kind: request.kind })
    sweep()
    const open = [...all.values()].filter((s) => s.ended === undefined).length
    if (open >= init.max)
      throw new ArchipelError('TOO_MANY', `${open} sessions are open already`, {
        hint: 'Delete one with `archipel session delete`, or wait until an idle one has ended.',
      })
    const release = components.places.take()
    const id = await nextId().catch((cause: unknown) => {
      release()
      throw cause
    })
    const { kind, params } = request
    const session = held({
      id,
      owner: user,
      request,
      datasets: pinned,
      idleMs: init.idleMs,
      begin: (signal) =>
        begin({ kind, datasets: bound, ...(params === undefined ? {} : { params }) }, { signal, release }),
      recheck: () => data.recheck(pinned),
      now,
    })
    all.set(id, session)
    watch(session)
    return session
  }

  async function nextId(): Promise<number> {
    const id = (await components.lastId.get()) + 1
    await components.lastId.put(id)
    return id
  }

  /** Frees the place when the session is over, or did not start. */
  async function begin(
    wanted: SessionInit,
    { signal, release }: { signal: AbortSignal; release: () => void },
  ): Promise<EngineSession> {
    try {
      const session = await components.engine.createSession(wanted, { signal })
      void session.ended.then(release)
      return session
    } catch (cause) {
      release()
      throw cause
    }
  }

  /** One after the other: so many and no more, each with an id of its own. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = creating.then(work, work)
    creating = next.catch(() => {})
    return next
  }

  /** Newest first. @throws BAD_INPUT */
  function page<T extends { id: number }>(entries: T[], { limit = DEFAULT_LIMIT, cursor }: PageRequest, what: string) {
    return pageOf(entries, ({ id }) => [descending(id)], { limit, cursor }, what)
  }

  return {
    sessions: {
      async create(request, { user = 'owner' } = {}) {
        const entry = { actor: `${user}@${init.self}`, action: 'session:create', subject: request.kind }
        const session = await withJournal(journal, entry, () => inTurn(() => create(request, user)), {
          subject: ({ id }) => String(id),
        })
        return await session.view()
      },
      async list(query = {}) {
        sweep()
        const { items, ...more } = page([...all.values()], query, 'sessions')
        return { items: await Promise.all(items.map((session) => session.view())), ...more }
      },
      show: async (id) => find(id).view(),
      async delete(id, who = {}) {
        const session = own(id, who)
        await session.close()
        clearTimeout(timers.get(id))
        timers.delete(id)
        all.delete(id)
        wrote(who.user ?? 'owner', 'session:delete', id)
        return { id }
      },
      async log(id, range): Promise<LogPage> {
        const session = find(id)
        const { bytes, offset, total } = await session.log(range)
        return logPage(bytes, { offset, total, ended: session.ended !== undefined })
      },
    },
    statements: {
      async create(id, { code, maxRows = MAX_ROWS, timeoutMs }, who = {}) {
        const limits = { maxRows, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
        return await own(id, who).submit(code, limits, who.signal ?? new AbortController().signal)
      },
      async list(id, query = {}) {
        const { items, ...more } = page(find(id).statements(), query, 'statements')
        const views = items.map((statement): StatementSummary => {
          const { id: number, code, state, progress, started, completed } = statement.view()
          return { id: number, code, state, progress, started, completed }
        })
        return { items: views, ...more }
      },
      async show(id, statement) {
        const session = find(id)
        session.active = now()
        return await session.show(session.statement(statement))
      },
      async cancel(id, statement, who = {}) {
        const session = own(id, who)
        const found = session.statement(statement)
        await found.cancel()
        return await session.show(found)
      },
    },
    datasets: () => [...all.values()].flatMap(({ ended, datasets }) => (ended === undefined ? datasets : [])),
    status() {
      const states = { idle: 0, busy: 0, dead: 0 }
      for (const session of all.values()) {
        states[session.ended !== undefined ? 'dead' : session.busy ? 'busy' : 'idle']++
      }
      return states
    },
    async stop() {
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all([...all.values()].map((session) => session.close()))
    },
  }
}
