/** Requests for every route of the table, and what a refusal has to look like. */
import * as assert from 'uvu/assert'
import { ERRORS } from '../../src/protocols/model/errors.ts'
import { problem } from '../../src/web/contract/problem-schema.ts'
import { fillPath, type Route } from '../../src/web/contract/route.ts'
import { routeList } from '../../src/web/contract/routes.ts'
import type { Scope } from '../../src/web/contract/scopes.ts'
import { SELF } from './fake-island.ts'
import { fakeTaskId } from './fake-tasks.ts'
import { json, type Raw, raw } from './harness.ts'

export type Named = (typeof routeList)[number]

/** All but those that ask for no token. */
export const guarded = routeList.filter((route): route is Named & { scope: Scope } => route.scope !== 'public')

/** With parameters that are well formed. */
export function pathOf({ path }: Pick<Route, 'path'>): string {
  return fillPath(path, {
    ref: 'stars',
    id: fakeTaskId(SELF.id, 1),
    path: 'stars.csv',
    name: 'table.ndjson',
    type: 'sessions',
    session: '1',
    statement: '0',
  })
}

/** The route with headers beside those that it needs. */
export function ask(
  port: number,
  route: Named,
  headers: Record<string, string>,
  method: string = route.method,
): Promise<Raw> {
  return raw(port, { method, path: pathOf(route), headers: { ...json, ...headers } })
}

/** The answer is a problem document of this code, with the headers that every answer has. */
export function refused(answer: Raw, code: keyof typeof ERRORS, what: string): void {
  const body = problem.parse(JSON.parse(answer.text))
  assert.is(body.code, code, `${what}: ${answer.text}`)
  assert.is(answer.status, ERRORS[code].status, what)
  assert.is(body.status, answer.status, what)
  assert.match(String(answer.headers['content-type']), 'application/problem+json', what)
  assert.is(answer.headers['x-content-type-options'], 'nosniff', what)
  assert.is(answer.headers['cache-control'], 'no-store', what)
  assert.is(answer.headers['www-authenticate'] !== undefined, answer.status === 401, what)
  assert.ok(body.hint.length > 0, what)
  assert.not.match(answer.text, /\.ts\b|node_modules|at \w+ \(/, what)
}
