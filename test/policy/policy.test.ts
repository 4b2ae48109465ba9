import * as assert from 'uvu/assert'
import { memberPolicy, type PolicyInit, type PolicyRequest } from '../../src/node/policy/policy.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('policy')

const SELF = 'islself'
const OTHER = 'islother'

const check = (init: Partial<PolicyInit>, request: Partial<PolicyRequest>) =>
  memberPolicy({ self: SELF, sql: 'members', allow: [], ...init }).check({
    island: OTHER,
    user: 'ada',
    action: 'task:run',
    kind: 'python',
    ...request,
  })

test('programs of others are refused until somebody is named', async () => {
  for (const kind of ['python', 'r'])
    assert.match(
      (await rejects(() => check({}, { kind }), 'FORBIDDEN')).message,
      /no forwarded (Python|R) programs/,
      kind,
    )
})

test('an island is named, or one of its users, for each language by itself', async () => {
  check({ python: [OTHER] }, {})
  check({ r: [`ada@${OTHER}`] }, { kind: 'r' })
  await rejects(() => check({ python: [OTHER] }, { kind: 'r' }), 'FORBIDDEN')
  const error = await rejects(() => check({ python: [`eve@${OTHER}`] }, {}), 'FORBIDDEN')
  assert.match(error.message, /those only/)
  assert.match(error.hint, new RegExp(`policy.forwarded.python.*ada@${OTHER}`))
  await rejects(() => check({ python: [`ada@islthird`, 'ada'] }, {}), 'FORBIDDEN')
})

test('a user cannot call itself by the name of another island’s', async () => {
  await rejects(() => check({ python: [`ada@${OTHER}`] }, { user: `ada@${OTHER}`, island: 'islthird' }), 'FORBIDDEN')
})

test('who is named for programs is not thereby named for SQL, nor the other way round', async () => {
  await rejects(() => check({ sql: 'none', python: [OTHER] }, { kind: 'sql' }), 'FORBIDDEN')
  await rejects(() => check({ sql: 'members', allow: [OTHER] }, {}), 'FORBIDDEN')
})

test('the owner runs programs at home, and unknown kinds of work are refused to others', async () => {
  check({}, { island: SELF })
  await rejects(() => check({ python: [OTHER], r: [OTHER] }, { kind: 'spark' }), 'FORBIDDEN')
})

test('requests to hold data are taken from whom the site says, and from nobody where it says nothing', async () => {
  const request: Partial<PolicyRequest> = { action: 'replica:request' }
  check({ replicate: 'members' }, request)
  check({ replicate: 'members', replicateAllow: [OTHER] }, request)
  await rejects(() => check({}, request), 'FORBIDDEN')
  await rejects(() => check({ replicate: 'none' }, request), 'FORBIDDEN')
  const error = await rejects(() => check({ replicate: 'members', replicateAllow: ['islthird'] }, request), 'FORBIDDEN')
  assert.match(error.hint, new RegExp(`policy.replicate.allow takes ${OTHER}`))
})

test('work on Spark runs for those only whom the site names, in whatever language, whatever else they may run', async () => {
  const open = { python: [OTHER], r: [OTHER] }
  const works: Partial<PolicyRequest>[] = [
    { kind: 'sql', engine: 'livy' },
    { kind: 'python', engine: 'livy' },
    { kind: 'scala' },
    { kind: 'jar' },
  ]
  for (const work of works) {
    const { hint } = await rejects(() => check(open, work), 'FORBIDDEN')
    assert.match(hint, 'policy.forwarded.spark', JSON.stringify(work))
    await rejects(() => check({ ...open, spark: [`bob@${OTHER}`] }, work), 'FORBIDDEN')
    check({ spark: [`ada@${OTHER}`] }, work)
    check({}, { ...work, island: SELF })
  }
  check(open, { engine: 'embedded' })
})

test.run()
