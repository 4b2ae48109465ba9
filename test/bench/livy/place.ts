/** A place that speaks Livy: a Livy itself, or an island's endpoint. */
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { type BenchContext, timed } from '../bench.ts'

export interface Place {
  url: string
  /** A Livy itself asks for none. */
  login?: { user: string; password: string }
  /** What every session and batch has in its `conf` there. */
  conf: Record<string, string>
  headers: Record<string, string>
  /** The parsed answer. Fails for any answer that is no success. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer>
}

/** What is read of Livy's objects here. */
export interface Answer {
  id: number
  state: string
  total: number
  log: string[]
  output: { status: string; data: Record<string, unknown> } | null
}

const CONNECTIONS = 16
/** Milliseconds between two looks at what takes seconds. */
const LOOK_MS = 20
const START_MS = 300_000

export function place(context: BenchContext, init: Pick<Place, 'url' | 'login' | 'conf'>): Place {
  const { origin, pathname } = new URL(init.url)
  const pool = new Pool(origin, { connections: CONNECTIONS })
  context.cleanup(() => pool.destroy())
  const { login } = init
  const basic = login && Buffer.from(`${login.user}:${login.password}`).toString('base64')
  const headers: Record<string, string> = basic === undefined ? {} : { authorization: `Basic ${basic}` }
  const prefix = pathname.replace(/\/$/, '')
  return {
    ...init,
    headers,
    async ask(method, path, body) {
      const response = await pool.request({
        method,
        path: prefix + path,
        headers: { ...headers, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: context.signal,
      })
      const text = await response.body.text()
      if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`)
      return JSON.parse(text) as Answer
    },
  }
}

export interface OpenSession {
  at: Place
  id: number
  /** Milliseconds from the request until it was idle. */
  startMs: number
  delete(): Promise<void>
}

/** Rows of a result that a session keeps. */
export const ROWS = 100_000

/** A session of Python, idle; deleted at the end of the benchmark, if not before. */
export async function openSession(context: BenchContext, at: Place): Promise<OpenSession> {
  let id = -1
  const startMs = await timed(async () => {
    const conf = { ...at.conf, 'livy.rsc.sql.num-rows': String(ROWS + 1) }
    const made = await at.ask('POST', '/sessions', { kind: 'pyspark', conf })
    id = made.id
    await reaches(at, `/sessions/${id}`, 'idle')
  })
  let there = true
  const remove = async () => {
    if (there) await at.ask('DELETE', `/sessions/${id}`)
    there = false
  }
  context.cleanup(() => remove().catch(() => {}))
  return { at, id, startMs, delete: remove }
}

/** Until a session or a batch has this state. */
export async function reaches(at: Place, path: string, wanted: string): Promise<void> {
  const end = performance.now() + START_MS
  for (;;) {
    const { state } = await at.ask('GET', path)
    if (state === wanted) return
    if (['dead', 'killed', 'error', 'success'].includes(state)) throw new Error(`${path} is ${state}`)
    if (performance.now() > end) throw new Error(`${path} is ${state} after ${START_MS} ms`)
    await delay(LOOK_MS)
  }
}

/** Milliseconds from the submission to the result, asking without a pause. */
export async function run({ at, id }: OpenSession, code: string, kind = 'pyspark'): Promise<number> {
  return await timed(async () => {
    const path = `/sessions/${id}/statements`
    let statement = await at.ask('POST', path, { code, kind })
    // Livy may say that it is available a moment before it has the output.
    const waits = () => statement.output === null && ['waiting', 'running', 'available'].includes(statement.state)
    while (waits()) statement = await at.ask('GET', `${path}/${statement.id}`)
    if (statement.state !== 'available' || statement.output?.status !== 'ok')
      throw new Error(`${code} became ${statement.state}: ${JSON.stringify(statement.output)?.slice(0, 500)}`)
  })
}
