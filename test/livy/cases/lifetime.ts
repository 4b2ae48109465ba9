/** LIVY: names, counting, and what ends a session by itself. */
import * as assert from 'uvu/assert'
import type { LivySession } from '../../../src/protocols/livy/objects.ts'
import { eventually, type Suite } from '../../kit/index.ts'
import { type At, SESSION_MS } from './at.ts'
import { like } from './table.ts'

/** To be registered first: its session is looked at when everything else is done. */
export function heartbeatBegins(test: Suite, at: () => At): void {
  test('a session with a heartbeat begins', async () => {
    const answer = await at().call('POST', '/sessions', { kind: 'pyspark', name: 'faint', heartbeatTimeoutInSecond: 1 })
    like(answer, { status: 201, json: { heartbeatTimeoutInSecond: 1 } }, 'created')
  })
}

/** The list keeps no session alive; Livy looks every minute. */
export function heartbeatEnds(test: Suite, at: () => At): void {
  test(
    'a session whose heartbeat stopped is gone, though the list was asked',
    async () => {
      await eventually(async () => !(await listed(at())).some(({ name }) => name === 'faint'), {
        timeoutMs: 150_000,
        intervalMs: 500,
      })
      like(
        await at().call('GET', '/sessions/faint'),
        { status: 404, json: { msg: "Session 'faint' not found." } },
        'afterwards',
      )
    },
    { timeoutMs: SESSION_MS },
  )
}

export function lifetime(test: Suite, at: () => At): void {
  for (const name of ['123', ''])
    test(`the name "${name}" is refused`, async () => {
      const before = new Set(at().drivers())
      const answer = await at().call('POST', '/sessions', { kind: 'pyspark', name })
      like(answer, { status: 400, json: { msg: `Rejected, Reason: Invalid session name: ${name}` } }, 'refused')
      assert.not(
        (await listed(at())).some((session) => session.name === name),
        'it leaves no entry',
      )
      const left = () =>
        at()
          .drivers()
          .filter((pid) => !before.has(pid))
      if (at().name === 'livy') {
        // Livy has started its driver by then, and never ends it; an island looks at names first.
        await eventually(() => left().length > 0)
        for (const pid of left()) process.kill(pid, 'SIGKILL')
      } else assert.equal(left(), [])
    })

  test(
    'ids of sessions are counted on and never used again',
    async () => {
      const create = async (request: object) => (await at().call('POST', '/sessions', request)).json as LivySession
      const first = await create({})
      assert.is(first.kind, 'shared', 'without a kind')
      assert.is((await at().call('DELETE', `/sessions/${first.id}`)).status, 200)
      const second = await create({ kind: 'scala' })
      assert.is(second.kind, 'spark')
      assert.is((await at().call('DELETE', `/sessions/${second.id}`)).status, 200)
      assert.ok(Number.isInteger(first.id) && second.id > first.id)
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'what is deleted while it starts has no driver left',
    async () => {
      const before = new Set(at().drivers())
      const { id, kind } = (await at().call('POST', '/sessions', { kind: 'r' })).json as LivySession
      assert.is(kind, 'sparkr')
      await eventually(
        () =>
          at()
            .drivers()
            .some((pid) => !before.has(pid)),
        { timeoutMs: 30_000 },
      )
      await at().call('DELETE', `/sessions/${id}`)
      await eventually(
        () =>
          at()
            .drivers()
            .every((pid) => before.has(pid)),
        { timeoutMs: 30_000 },
      )
    },
    { timeoutMs: SESSION_MS },
  )
}

const listed = async (at: At) => ((await at.call('GET', '/sessions')).json as { sessions: LivySession[] }).sessions
