import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { BoundRef } from '../../protocols/model/task.ts'
import type { SessionRequest, SessionView, StatementOutput, StatementView } from '../../protocols/model/views.ts'
import type { EngineSession, EngineStatement, SessionState } from '../engines/port.ts'
import { errorOutput, okOutput } from './output.ts'

/** Bytes of outputs that one session keeps; older ones go first. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024
const OVER = new Set(['available', 'error', 'cancelled'])

/** A session of this island, from the request to a while after its end. */
export interface Held {
  readonly id: number
  readonly owner: string
  /** Ids of its datasets. */
  readonly datasets: readonly string[]
  /** Milliseconds since 1970 of the last sign that somebody uses it. */
  active: number
  /** When it ended, if it did. */
  readonly ended: number | undefined
  readonly busy: boolean
  view(): Promise<SessionView>
  /** @throws SESSION_STATE, TOO_MANY */
  submit(code: string, options: { maxRows?: number; timeoutMs?: number }, signal: AbortSignal): Promise<StatementView>
  /** Oldest first. */
  statements(): EngineStatement[]
  /** @throws STATEMENT_NOT_FOUND */
  statement(id: number): EngineStatement
  show(statement: EngineStatement): Promise<StatementView>
  log(range: { offset: number; limit: number }): Promise<{ bytes: Uint8Array; offset: number; total: number }>
  close(): Promise<void>
}

export interface HeldInit {
  id: number
  owner: string
  request: SessionRequest
  datasets: BoundRef[]
  idleMs: number
  /** Begins to get an engine's session. */
  begin(signal: AbortSignal): Promise<EngineSession>
  /** @throws STALE */
  recheck(): Promise<void>
  now(): number
}

export function held(init: HeldInit): Held {
  const { id, owner, request, now } = init
  const created = now()
  const stop = new AbortController()
  let session: EngineSession | undefined
  let failure: ArchipelError | undefined
  let ended: number | undefined
  const outputs = new Map<number, { output: Promise<StatementOutput>; bytes: number }>()
  let bytes = 0

  const ready = init.begin(stop.signal).then(
    (made) => {
      session = made
      void made.ended.then(() => {
        ended ??= now()
      })
      return made
    },
    (cause: unknown) => {
      failure = toArchipelError(cause)
      ended = now()
      throw failure
    },
  )
  ready.catch(() => {})

  const state = (): SessionState => {
    if (session !== undefined) return session.state
    return failure === undefined ? (stop.signal.aborted ? 'shutting_down' : 'starting') : 'error'
  }

  function keep(statement: EngineStatement): void {
    const output = outputOf(statement)
    const entry = { output, bytes: 0 }
    outputs.set(statement.id, entry)
    void output.then((made) => {
      statement.forget()
      if (outputs.get(statement.id) !== entry) return
      entry.bytes = JSON.stringify(made).length
      bytes += entry.bytes
      for (const [oldest, { bytes: size }] of outputs) {
        if (bytes <= MAX_OUTPUT_BYTES || oldest === statement.id) break
        outputs.delete(oldest)
        bytes -= size
      }
    })
  }

  async function outputOf(statement: EngineStatement): Promise<StatementOutput> {
    try {
      const outcome = await statement.outcome
      // A file that changed under it: the answer is of no version at all.
      await init.recheck()
      return okOutput(statement.id, outcome)
    } catch (cause) {
      return errorOutput(statement.id, id, toArchipelError(cause).toInfo())
    }
  }

  const expired = (statement: number) =>
    errorOutput(statement, id, new ArchipelError('RESULT_EXPIRED', 'the output is not kept any more').toInfo())

  return {
    id,
    owner,
    datasets: init.datasets.map((dataset) => dataset.id),
    active: created,
    get ended() {
      return ended
    },
    get busy() {
      return state() === 'busy' || state() === 'starting'
    },
    async view() {
      const total = session === undefined ? 0 : (await session.log({ offset: 0, limit: 0 })).total
      const tail = session && (await session.log({ offset: Math.max(0, total - 4096), limit: 4096 }))
      const lines = Buffer.from(tail?.bytes ?? [])
        .toString()
        .split('\n')
      return {
        id,
        ...(request.name === undefined ? {} : { name: request.name }),
        owner,
        kind: request.kind,
        state: state(),
        datasets: init.datasets.map(({ table, id: dataset, version }) => ({ table, id: dataset, version })),
        log: lines.filter((line) => line !== '').slice(-10),
        idleMs: init.idleMs,
        created: new Date(created).toISOString(),
        active: new Date(this.active).toISOString(),
        ...(ended === undefined ? {} : { ended: new Date(ended).toISOString() }),
        ...(failure === undefined ? {} : { error: failure.toInfo() }),
      }
    },
    async submit(code, options, signal) {
      if (ended !== undefined || stop.signal.aborted) throw over(id, state())
      const { promise, reject } = Promise.withResolvers<never>()
      promise.catch(() => {})
      const leave = () => reject(new ArchipelError('CANCELLED', 'the call was cancelled'))
      signal.addEventListener('abort', leave, { once: true })
      try {
        const made = await Promise.race([ready, promise])
        if (made.state === 'dead' || stop.signal.aborted) throw over(id, state())
        const statement = await made.submit(code, options)
        keep(statement)
        return await this.show(statement)
      } finally {
        signal.removeEventListener('abort', leave)
      }
    },
    statements: () => session?.statements() ?? [],
    statement(wanted) {
      const found = session?.statements().find((s) => s.id === wanted)
      if (found !== undefined) return found
      throw new ArchipelError('STATEMENT_NOT_FOUND', `session ${id} has no statement ${wanted}`)
    },
    async show(statement) {
      const { code, state: at, progress, started, completed } = statement.view()
      const over = OVER.has(at)
      const output = over ? ((await outputs.get(statement.id)?.output) ?? expired(statement.id)) : null
      return {
        id: statement.id,
        code,
        state: at,
        progress,
        started,
        completed,
        output: at === 'cancelled' ? null : output,
      }
    },
    async log(range) {
      return session === undefined ? { bytes: new Uint8Array(), offset: 0, total: 0 } : await session.log(range)
    },
    async close() {
      stop.abort()
      const made = await ready.catch(() => undefined)
      await made?.close()
      ended ??= now()
    },
  }
}

function over(id: number, state: SessionState): ArchipelError {
  return new ArchipelError('SESSION_STATE', `session ${id} is ${state}`)
}
