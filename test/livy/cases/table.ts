/** Cases that are one request and what has to come back. */
import * as assert from 'uvu/assert'
import type { Suite } from '../../kit/index.ts'
import type { Answer, Ask } from './ask.ts'
import { type At, SESSION_MS } from './at.ts'

export interface Expected {
  status: number
  /** What has to be in the answer: objects need the keys that are given here, text may be a pattern. */
  body?: unknown
  /** The answer has nothing in it. */
  empty?: boolean
  /** null: it must not be there. */
  headers?: Record<string, string | RegExp | null>
  check?: (answer: Answer, at: At) => unknown
}

export interface Case extends Expected {
  title: string
  /** Method and path; `{name}` is the id of the session of that name, `{batch:name}` that of a batch. */
  call: `${string} /${string}`
  json?: unknown
  send?: Partial<Ask>
  /** Where an island answers otherwise, on purpose. */
  endpoint?: Expected & { why: string }
}

/** A test for each case. */
export function table(test: Suite, at: () => At, cases: Case[]): void {
  for (const one of cases) test(one.title, () => check(at(), one), { timeoutMs: SESSION_MS })
}

async function check(at: At, one: Case): Promise<void> {
  const space = one.call.indexOf(' ')
  const path = await filled(at, one.call.slice(space + 1))
  const answer = await at.call(one.call.slice(0, space), path, one.json, one.send)
  const expected = (at.name === 'endpoint' && one.endpoint) || one
  assert.is(answer.status, expected.status, `${path}: ${answer.text.slice(0, 400)}`)
  if (expected.empty) assert.is(answer.text, '')
  if (expected.body !== undefined) like(answer.json, expected.body, 'body')
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const got = answer.headers[name.toLowerCase()]
    if (value === null) assert.is(got, undefined, name)
    else like(got, value, name)
  }
  await expected.check?.(answer, at)
}

async function filled(at: At, path: string): Promise<string> {
  let text = path
  for (const [all, batch, name] of path.matchAll(/\{(batch:)?([a-z-]+)\}/g))
    text = text.replace(all, String(await (batch ? at.batch(name!) : at.session(name!))))
  return text
}

/** Fails unless `got` has what the pattern has. */
export function like(got: unknown, pattern: unknown, where: string): void {
  if (pattern instanceof RegExp) {
    assert.type(got, 'string', where)
    assert.match(got as string, pattern, where)
  } else if (Array.isArray(pattern)) {
    assert.ok(Array.isArray(got), `${where}: ${JSON.stringify(got)}`)
    assert.is((got as unknown[]).length, pattern.length, `length of ${where}`)
    for (const [i, one] of pattern.entries()) like((got as unknown[])[i], one, `${where}[${i}]`)
  } else if (typeof pattern === 'object' && pattern !== null) {
    assert.ok(typeof got === 'object' && got !== null, `${where}: ${JSON.stringify(got)}`)
    for (const [key, value] of Object.entries(pattern))
      like((got as Record<string, unknown>)[key], value, `${where}.${key}`)
  } else assert.equal(got, pattern, where)
}
