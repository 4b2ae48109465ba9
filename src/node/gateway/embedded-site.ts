/** The built-in engine as a Livy: SQL, and `pyspark` and `sparkr` as far as plain Python and R go. Ends with the process. */
import type { LivyCodeKind, LivyKind, LivySessionRequest, LivyVersion } from '../../protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { EnginePort } from '../engines/port.ts'
import type { Places } from '../sessions/places.ts'
import { isProgram } from './embedded-interpreters.ts'
import { type EmbeddedSession, embeddedSession, kindsOf } from './embedded-session.ts'
import type { LivySite } from './site.ts'

export interface EmbeddedSiteInit {
  /** Of the software, told as the revision. */
  version: string
  /** Milliseconds without work after which a session ends that did not ask for another time. */
  idleMs: number
  /** Milliseconds for which the entry of a session is kept after its end. Default 600,000, as Livy's. */
  retainMs?: number
}

export interface EmbeddedSiteComponents {
  engine: Pick<EnginePort, 'createSession' | 'info' | 'status'>
  /** Those that programs of sessions may hold in the engine. */
  places: Places
}

/** How long an entry that ended is kept: Livy's `livy.server.session.state-retain.sec`. */
const RETAIN_MS = 600_000

const NO_SPARK =
  'The engine of this island is the built-in one, without Spark: it runs sql, pyspark (plain Python) and sparkr (plain R).'

/** Livy's own words for what it does not let in, which is every file here. */
function notAllowed(uri: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]
  if (scheme !== undefined && scheme !== 'file') return `requirement failed: ${uri} cannot be added. ${NO_SPARK}`
  const path = uri.replace(/^file:(\/\/)?/, '')
  if (!path.startsWith('/')) return `requirement failed: Path '${path}' is not absolute.`
  return `requirement failed: Local path ${path} cannot be added to user sessions.`
}

export function embeddedSite({ version, idleMs, retainMs = RETAIN_MS }: EmbeddedSiteInit) {
  return ({ engine, places }: EmbeddedSiteComponents): LivySite & { stop(): Promise<void> } => {
    const sessions = new Map<number, EmbeddedSession>()
    const marks = new Map<string, number>()
    let nextId = 0

    const kinds = () => kindsOf(engine.info().languages)

    function found(id: number): EmbeddedSession {
      const session = sessions.get(id)
      if (session === undefined) throw notFound(id)
      return session
    }

    function forget(id: number): void {
      sessions.delete(id)
      for (const [mark, of] of marks) if (of === id) marks.delete(mark)
    }

    /** The entry of one that has ended goes after a while. */
    function collectLater(id: number): void {
      const session = sessions.get(id)
      const collect = () => {
        if (sessions.get(id) !== session) return
        session?.lost('it ended long ago')
        forget(id)
      }
      setTimeout(collect, retainMs).unref()
    }

    function check(request: LivySessionRequest, forwarded: boolean): void {
      const { state, sandbox, reason, missing } = engine.status()
      if (state === 'down') throw new ArchipelError('ENGINE_DOWN', `the engine is down: ${reason}`)
      if (!kinds().has(request.kind)) throw rejected(whyNot(request.kind, missing))
      if (forwarded && request.kind !== 'sql' && !sandbox)
        throw new ArchipelError('NO_SANDBOX', `this island has no sandbox to run forwarded ${request.kind} in`)
      const files = [request.jars, request.pyFiles, request.files, request.archives].flatMap((each) => each ?? [])
      if (files.length > 0) throw rejected(notAllowed(files[0]!))
    }

    const refuse = (): never => {
      throw new LivyRefusal(400, { msg: `requirement failed: ${NO_SPARK}` })
    }

    return {
      engine: 'embedded',
      kinds,
      state() {
        const { state, reason } = engine.status()
        return { up: state === 'ready', ...(reason === undefined ? {} : { reason }) }
      },
      async version(): Promise<LivyVersion> {
        // The version whose interface this is; clients compare it.
        return {
          version: '0.9.0-incubating',
          user: 'archipel',
          revision: version,
          branch: 'embedded',
          date: '',
          url: '',
        }
      },

      async createSession(request, mark) {
        const known = marks.get(mark.mark)
        if (known !== undefined) return await found(known).view()
        check(request, mark.forwarded)
        if (isProgram(request.kind) && places.taken >= places.max) throw tooMany(places.max)
        const id = nextId++
        const session = embeddedSession({
          id,
          request,
          mark,
          engine,
          places,
          idleMs,
          onEnded: () => collectLater(id),
        })
        sessions.set(id, session)
        marks.set(mark.mark, id)
        return await session.view()
      },
      async findSession(mark) {
        const id = marks.get(mark)
        return id === undefined ? undefined : await sessions.get(id)?.view()
      },
      session: async (id) => await found(id).view(),
      sessionLog: async (id, range) => await found(id).log(range),
      async deleteSession(id) {
        const session = found(id)
        await session.close()
        session.lost('it was deleted')
        forget(id)
      },
      async stopSession(id) {
        await found(id).close()
      },
      statements: async (id) => found(id).statements(),
      async submit(id, request, expect) {
        const session = found(id)
        return session.submit(request.code, codeKind(request.kind ?? session.kind, kinds()), expect)
      },
      statement: async (id, statement) => found(id).statement(statement),
      async cancelStatement(id, statement) {
        found(id).cancel(statement)
      },
      // Livy itself has candidates for Scala alone.
      async complete(id) {
        found(id)
        return []
      },
      submitJob: async (id) => noJobs(found(id)),
      job: async (id, job) => {
        found(id)
        throw new LivyRefusal(500, `java.util.NoSuchElementException: key not found: ${job}`)
      },
      cancelJob: async (id) => void found(id),
      async upload(id) {
        found(id)
        refuse()
      },
      async add(id, _what, uri) {
        found(id)
        throw new LivyRefusal(400, { msg: notAllowed(uri) })
      },

      async createBatch(request) {
        throw rejected(notAllowed(request.file))
      },
      findBatch: async () => undefined,
      batch: async (id) => Promise.reject(notFound(id)),
      batchLog: async (id) => Promise.reject(notFound(id)),
      deleteBatch: async (id) => Promise.reject(notFound(id)),

      watch(what, onChange) {
        const session = 'session' in what ? sessions.get(what.session) : undefined
        if (session !== undefined) return session.watch(onChange)
        let open = true
        queueMicrotask(() => {
          if (open) onChange({ type: 'lost', why: 'it is not known' })
        })
        return () => {
          open = false
        }
      },

      /** Ends all sessions. Never throws. */
      async stop() {
        await Promise.all([...sessions.values()].map((session) => session.close()))
      },
    }
  }
}

/** Livy's words, and what to do. */
const tooMany = (max: number) =>
  new LivyRefusal(400, {
    msg: `Rejected, too many sessions are being created! All ${max} places for sessions are taken on this island: delete one, or wait until an idle one has ended.`,
  })

const rejected = (reason: string) => new LivyRefusal(400, { msg: `Rejected, Reason: ${reason}` })

function whyNot(kind: LivyKind, missing: { python?: string; r?: string } = {}): string {
  const { python, r } = missing
  const why = kind === 'pyspark' ? python : kind === 'sparkr' ? r : undefined
  return `${kind} does not run here${why === undefined ? '' : ` (${why})`}. ${NO_SPARK}`
}

/** @throws LivyRefusal in Livy's words where a kind is missing, 400 where the engine lacks it */
function codeKind(kind: LivyKind, has: ReadonlySet<LivyKind>): LivyCodeKind {
  if (kind === 'shared')
    throw new LivyRefusal(
      500,
      'java.lang.IllegalArgumentException: Code type should be specified if session kind is shared',
    )
  if (!has.has(kind)) throw new LivyRefusal(400, { msg: whyNot(kind) })
  return kind
}

function noJobs(_: EmbeddedSession): never {
  throw new LivyRefusal(500, `java.lang.UnsupportedOperationException: ${NO_SPARK}`)
}
