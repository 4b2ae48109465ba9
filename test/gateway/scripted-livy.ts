/** A Livy in memory that lives on when an island ends: statements do what their code says, and everything that ran is kept. */
import type { LivySite, SiteChange } from '../../src/node/gateway/site.ts'
import { logPage } from '../../src/protocols/livy/log-page.ts'
import type { LivyBatch, LivyKind, LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { LivyRefusal, notFound } from '../../src/protocols/livy/refusal.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'

interface Held {
  mark: string
  object: LivySession | LivyBatch
  statements: LivyStatement[]
  watchers: Set<(change: SiteChange) => void>
}

/**
 * Code: `gate <name>` runs until that gate is opened; `big <n>` gives a text of n characters; all else gives itself. A session
 * whose conf has `slow` starts when the gate `start` is opened, one that has `late` is made when `create` is; one of kind `sparkr` is refused.
 */
export class ScriptedLivy {
  /** Codes and files in the order in which they ran. */
  readonly ran: string[] = []
  readonly asked: { request: unknown; user: string | undefined; datasets: string[] }[] = []
  readonly sessions = new Map<number, Held>()
  readonly batches = new Map<number, Held>()
  up = true
  private readonly gates = new Map<string, PromiseWithResolvers<void>>()
  private lastSession = 40
  private lastBatch = 70

  /** What waits there goes on, now and later. */
  open(gate: string): void {
    this.gate(gate).resolve()
  }

  private gate(name: string): PromiseWithResolvers<void> {
    const gate = this.gates.get(name) ?? Promise.withResolvers<void>()
    this.gates.set(name, gate)
    return gate
  }

  /** As after a restart: it knows nothing of what was, and numbers begin anew. */
  forget(): void {
    const gone = [...this.sessions.values(), ...this.batches.values()]
    this.sessions.clear()
    this.batches.clear()
    this.lastSession = 40
    for (const held of gone) for (const watcher of held.watchers) watcher({ type: 'lost', why: 'Livy was restarted' })
  }

  private tell(held: Held, change: SiteChange): void {
    for (const watcher of [...held.watchers]) watcher(structuredClone(change))
  }

  private state(held: Held, state: LivySession['state']): void {
    held.object.state = state
    const { object } = held
    this.tell(held, isSession(object) ? { type: 'session', session: object } : { type: 'batch', batch: object })
  }

  private async run(held: Held, statement: LivyStatement): Promise<void> {
    this.state(held, 'busy')
    statement.state = 'running'
    statement.started = 1
    this.tell(held, { type: 'statement', statement })
    const [word, rest = ''] = statement.code.split(' ')
    this.ran.push(statement.code)
    if (word === 'gate') await this.gate(rest).promise
    if (statement.state !== 'running') return
    const text = word === 'big' ? 'x'.repeat(Number(rest)) : statement.code
    Object.assign(statement, {
      state: 'available',
      progress: 1,
      completed: 2,
      output: { status: 'ok', execution_count: statement.id, data: { 'text/plain': text } },
    })
    this.tell(held, { type: 'statement', statement })
    this.state(held, 'idle')
  }

  private get(all: Map<number, Held>, id: number): Held {
    this.check()
    const held = all.get(id)
    if (held === undefined) throw notFound(id)
    return held
  }

  private check(): void {
    if (!this.up) throw new ArchipelError('ENGINE_DOWN', 'Livy does not answer')
  }

  private watch(held: Held, listener: (change: SiteChange) => void): () => void {
    held.watchers.add(listener)
    queueMicrotask(() => {
      if (!held.watchers.has(listener)) return
      const { object } = held
      listener(
        structuredClone(
          isSession(object)
            ? ({ type: 'session', session: object } as const)
            : ({ type: 'batch', batch: object } as const),
        ),
      )
      for (const statement of held.statements)
        if (statement.state === 'running') listener(structuredClone({ type: 'statement', statement }))
    })
    return () => held.watchers.delete(listener)
  }

  /** A new process of an island sees it by another one. */
  site(
    engine: 'livy' | 'embedded' = 'livy',
    kinds: LivyKind[] = ['spark', 'pyspark', 'sparkr', 'sql', 'shared'],
  ): LivySite {
    const log = (id: number, all: Map<number, Held>, range: { from?: number; size?: number }) =>
      logPage(id, this.get(all, id).object.log, range)
    const find = (all: Map<number, Held>, mark: string) => {
      this.check()
      return structuredClone([...all.values()].find((h) => h.mark === mark)?.object)
    }
    return {
      engine,
      kinds: () => new Set(kinds),
      state: () => (this.up ? { up: true } : { up: false, reason: 'Livy does not answer' }),
      version: async () => ({ version: '0.9.0', user: '', revision: '', branch: '', date: '', url: '' }),
      createSession: async (request, { mark, user, datasets }) => {
        this.check()
        if (request.kind === 'sparkr') throw new LivyRefusal(400, { msg: 'Rejected, Reason: no R here' })
        if (request.conf?.late !== undefined) await this.gate('create').promise
        this.asked.push({ request, user, datasets: datasets.flatMap((d) => d.names) })
        const id = ++this.lastSession
        const object = {
          ...EMPTY_SESSION,
          id,
          kind: request.kind,
          name: request.name ?? null,
          conf: request.conf ?? {},
        }
        const held: Held = { mark, object, statements: [], watchers: new Set() }
        this.sessions.set(id, held)
        if (request.conf?.slow === undefined) queueMicrotask(() => this.state(held, 'idle'))
        else void this.gate('start').promise.then(() => this.state(held, 'idle'))
        return structuredClone(object)
      },
      findSession: async (mark) => find(this.sessions, mark) as LivySession | undefined,
      session: async (id) => structuredClone(this.get(this.sessions, id).object) as LivySession,
      sessionLog: async (id, range) => log(id, this.sessions, range),
      deleteSession: async (id) => {
        const held = this.get(this.sessions, id)
        this.sessions.delete(id)
        this.tell(held, { type: 'lost', why: 'deleted' })
      },
      stopSession: async (id) => this.state(this.get(this.sessions, id), 'dead'),
      statements: async (id) => structuredClone(this.get(this.sessions, id).statements),
      submit: async (id, { code }, expect) => {
        const held = this.get(this.sessions, id)
        const known = held.statements[expect]
        if (known !== undefined) return structuredClone(known)
        if (held.statements.length !== expect) throw new LivyRefusal(500, `${expect} is not the next one`)
        const statement: LivyStatement = { ...EMPTY_STATEMENT, id: expect, code }
        held.statements.push(statement)
        const answer = structuredClone(statement)
        void this.run(held, statement)
        return answer
      },
      statement: async (id, n) => structuredClone(this.get(this.sessions, id).statements[n]!),
      cancelStatement: async (id, n) => {
        const held = this.get(this.sessions, id)
        const statement = held.statements[n]!
        Object.assign(statement, { state: 'cancelled', progress: 1 })
        this.tell(held, { type: 'statement', statement })
      },
      complete: async (_id, { code }) => [`${code}()`],
      submitJob: async () => ({ id: 0, state: 'SENT', result: null, error: null }),
      job: async (_id, id) => ({ id, state: 'SUCCEEDED', result: 'AA==', error: null }),
      cancelJob: async () => {},
      upload: async (_id, what, { name, bytes }) => void this.ran.push(`upload ${what} ${name} ${bytes.length}`),
      add: async (_id, what, uri) => void this.ran.push(`add ${what} ${uri}`),
      createBatch: async (request, { mark, user, datasets }) => {
        this.check()
        this.asked.push({ request, user, datasets: datasets.flatMap((d) => d.names) })
        const id = ++this.lastBatch
        const object: LivyBatch = { ...EMPTY_BATCH, id, name: request.name ?? null }
        const held: Held = { mark, object, statements: [], watchers: new Set() }
        this.batches.set(id, held)
        this.ran.push(request.file)
        void (async () => {
          await null
          this.state(held, 'running')
          await this.gate(request.file).promise
          this.state(held, 'success')
        })()
        return structuredClone(object)
      },
      findBatch: async (mark) => find(this.batches, mark) as LivyBatch | undefined,
      batch: async (id) => structuredClone(this.get(this.batches, id).object) as LivyBatch,
      batchLog: async (id, range) => log(id, this.batches, range),
      deleteBatch: async (id) => {
        const held = this.get(this.batches, id)
        this.batches.delete(id)
        this.tell(held, { type: 'lost', why: 'deleted' })
      },
      watch: (what, listener) =>
        'session' in what
          ? this.watch(this.get(this.sessions, what.session), listener)
          : this.watch(this.get(this.batches, what.batch), listener),
    }
  }
}

const isSession = (object: LivySession | LivyBatch): object is LivySession => 'kind' in object

const EMPTY_STATEMENT: LivyStatement = {
  id: 0,
  code: '',
  state: 'waiting',
  output: null,
  progress: 0,
  started: 0,
  completed: 0,
}
const EMPTY_BATCH: LivyBatch = {
  id: 0,
  name: null,
  owner: null,
  proxyUser: null,
  state: 'starting',
  appId: null,
  appInfo: { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null },
  log: ['stdout: ', '\nstderr: '],
}
const EMPTY_SESSION: Omit<LivySession, 'kind'> = {
  ...EMPTY_BATCH,
  ttl: null,
  idleTimeout: null,
  driverMemory: null,
  driverCores: 0,
  executorMemory: null,
  executorCores: 0,
  conf: {},
  archives: [],
  files: [],
  heartbeatTimeoutInSecond: 0,
  jars: [],
  numExecutors: 0,
  pyFiles: [],
  queue: null,
}
