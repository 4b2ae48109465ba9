/** Which replicas make room, in which order, without islands. */
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { evicting, type Needs } from '../../src/node/replicas/evicting.ts'
import type { Replica } from '../../src/node/replicas/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { suite } from '../kit/index.ts'

const test = suite('replicas: which ones make room')

const NEVER = new AbortController().signal

function replica(name: string, more: Partial<Replica> = {}): Replica {
  const amount = { files: 1, bytes: 100 }
  return {
    ...{ folder: name, id: name, publisher: 'p', version: `v ${name}`, name, state: 'available' },
    ...{ total: amount, held: amount, globs: [], added: 1000 },
    ...more,
  }
}

interface World {
  enabled?: boolean
  quota: number
  needs?: Partial<Needs>
  moving?: string[]
  /** Those that others do not let go. */
  refused?: string[]
}

function world(replicas: Replica[], { enabled = true, quota, needs = {}, moving = [], refused = [] }: World) {
  const here = new Map(replicas.map((r) => [r.folder, r]))
  const tried: string[] = []
  const made = evicting(
    { enabled },
    {
      shelf: { all: () => [...here.values()], get: (folder) => here.get(folder) },
      space: { lacking: (more) => [...here.values()].reduce((sum, r) => sum + r.held.bytes, 0) + more - quota },
      needs: {
        holders: () => ['other'],
        unmet: () => [],
        promised: () => undefined,
        lives: (by) => by.endsWith(' lives'),
        running: () => [],
        ...needs,
      },
      inUse: (folder) => moving.includes(folder),
      async evict({ folder, held }, needed) {
        tried.push(folder)
        if (refused.includes(folder) || needed()) throw new ArchipelError('PROMISE_MISSING', 'no answer')
        here.delete(folder)
        return held.bytes
      },
      journalled: (_action, _subject, _user, work) => work(),
      logger: pino({ level: 'silent' }),
    },
  )
  return {
    ...made,
    tried,
    room: async (bytes: number, by?: string) =>
      (await made.makeRoom(bytes, { by, signal: NEVER })).map((gone) => gone.dataset),
  }
}

const ALL = [
  replica('followed', { mode: 'follow', used: 1 }),
  replica('subscribed', { by: 'subscription lives', used: 2 }),
  replica('old', { used: 5000 }),
  replica('older', { added: 4000 }),
  replica('ruled', { by: 'rule lives', used: 4500 }),
  replica('expired', { by: 'rule gone', used: 9000 }),
]

test('expired ones first, then unneeded, then wanted; of each the least recently used', async () => {
  const person = world(ALL, { quota: 600 })
  assert.equal(await person.room(600), ['expired', 'older', 'ruled', 'old', 'followed', 'subscribed'])
  const one = world(ALL, { quota: 600 })
  assert.equal(await one.room(150), ['expired', 'older'])
  assert.equal(await one.room(200), [], 'there is room by then')
})

test('a rule or a subscription takes the place of what is unneeded only, a request that of nobody', async () => {
  for (const by of ['rule lives', 'subscription lives']) {
    assert.equal(await world(ALL, { quota: 600 }).room(400, by), ['expired', 'older', 'ruled', 'old'])
    assert.equal(await world(ALL, { quota: 600 }).room(500, by), [], 'not enough: nothing goes')
  }
  for (const by of ['request 1', 'repair']) assert.equal(await world(ALL, { quota: 600 }).room(100, by), [])
})

test('what is pinned, running, moving, promised, a last copy or needed by a rule stays, and says so', async () => {
  const copies = ['pinned', 'running', 'alias', 'moving', 'promised', 'last', 'rule', 'free']
  const replicas = copies.map((name) => replica(name, name === 'pinned' ? { mode: 'pin' } : {}))
  replicas[2]!.body = { aliases: ['doi:10.1/a'] } as unknown as NonNullable<Replica['body']>
  const unmet = { rule: 'rule-1', origin: 'o', kept: 1, wanted: 2 }
  const needs: Partial<Needs> = {
    running: () => ['running', 'doi:10.1/a'],
    promised: ({ dataset }) => (dataset === 'promised' ? { to: 'other', until: 1 } : undefined),
    holders: ({ dataset }) => (dataset === 'last' ? [] : ['other']),
    unmet: ({ dataset }) => (dataset === 'rule' ? [unmet] : []),
  }
  const w = world(replicas, { quota: 800, needs, moving: ['moving'] })
  assert.equal(
    replicas.map((each) => w.judge(each).because),
    ['pinned', 'running', 'running', 'moving', 'promised', 'last-copy', 'rule', 'unneeded'],
  )
  assert.is(w.judge(replicas[6]!).rule, 'rule-1')
  assert.equal(await w.room(101), [])
  assert.equal(w.tried, [], 'one alone is not enough')
  assert.equal(await w.room(100), ['free'])
  const off = world([replica('free')], { quota: 100, enabled: false })
  assert.equal(await off.room(100), [])
})

test('one that others do not let go is passed over; two that ask at once do not take more than they need', async () => {
  const w = world(ALL, { quota: 600, refused: ['expired'] })
  assert.equal(await w.room(100), ['older'])
  assert.equal(w.tried, ['expired', 'older'])
  const both = world(ALL, { quota: 600 })
  assert.equal(await Promise.all([both.room(100), both.room(100)]), [['expired'], []])
})

test.run()
