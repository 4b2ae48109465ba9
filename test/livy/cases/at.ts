/** What is asked in the cases, and the sessions and batches that they share. */
import * as assert from 'uvu/assert'
import type { LivyBatch, LivyOutput, LivySession, LivyStatement } from '../../../src/protocols/livy/objects.ts'
import { eventually } from '../../kit/index.ts'
import { type Answer, type Ask, ask } from './ask.ts'

export interface Target {
  /** The cases are proven at a Livy itself first. */
  name: 'livy' | 'endpoint'
  url: string
  /** With each request: who asks. */
  headers: Record<string, string>
  /** A folder whose files may be named, with those of `files.ts`. */
  files: string
  /** Processes that the Livy behind it has started. */
  drivers(): number[]
}

export const SESSION_MS = 240_000

type Json = Record<string, unknown>

export interface At extends Target {
  call(method: string, path: string, json?: unknown, more?: Partial<Ask>): Promise<Answer>
  /** The id of a session that is idle; of the same name always the same. */
  session(name: string, request?: Json): Promise<number>
  /** The id of a batch; of the same name always the same. */
  batch(name: string, request?: Json): Promise<number>
  until(path: string, states: string[]): Promise<LivySession & LivyBatch & LivyStatement>
  /** The statement when it is done. */
  run(session: number, code: string, kind?: string): Promise<LivyStatement>
}

export function createAt(target: Target): At {
  const made = new Map<string, Promise<number>>()
  const once = (key: string, make: () => Promise<number>) => {
    const promise = made.get(key) ?? make()
    made.set(key, promise)
    return promise
  }
  const at: At = {
    ...target,
    call: (method, path, json, more = {}) =>
      ask(target.url, {
        method,
        path,
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...more,
        headers: {
          ...target.headers,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...more.headers,
        },
      }),
    session: (name, request = {}) =>
      once(`sessions/${name}`, async () => {
        const answer = await at.call('POST', '/sessions', { kind: 'shared', name, ...request })
        assert.is(answer.status, 201, answer.text)
        const { id } = answer.json as LivySession
        const { state } = await at.until(`/sessions/${id}`, ['idle', 'error', 'dead', 'killed'])
        assert.is(state, 'idle', `session ${name}`)
        return id
      }),
    batch: (name, request = {}) =>
      once(`batches/${name}`, async () => {
        const answer = await at.call('POST', '/batches', { name, ...request })
        assert.is(answer.status, 201, answer.text)
        return (answer.json as LivyBatch).id
      }),
    async until(path, states) {
      return eventually(
        async () => {
          const answer = await at.call('GET', path)
          assert.is(answer.status, 200, answer.text)
          const view = answer.json as LivySession & LivyBatch & LivyStatement
          assert.ok(states.includes(view.state), `it is ${view.state}, not ${states.join(' or ')}`)
          return view
        },
        { timeoutMs: SESSION_MS, intervalMs: 20 },
      )
    },
    async run(session, code, kind) {
      const answer = await at.call('POST', `/sessions/${session}/statements`, { code, kind })
      assert.is(answer.status, 201, answer.text)
      const { id } = answer.json as LivyStatement
      return at.until(`/sessions/${session}/statements/${id}`, ['available', 'cancelled', 'error'])
    },
  }
  return at
}

/** The data of an output that has to be good. */
export function data(statement: LivyStatement): Record<string, unknown> {
  const output = statement.output as LivyOutput
  assert.is(output.status, 'ok', JSON.stringify(output))
  return output.status === 'ok' ? output.data : {}
}

/** The error of an output that has to be one. */
export function fault(statement: LivyStatement): { ename: string; evalue: string; traceback: string[] } {
  const output = statement.output as LivyOutput
  if (output.status !== 'error') throw new Error(`an error was expected: ${JSON.stringify(output)}`)
  return output
}
