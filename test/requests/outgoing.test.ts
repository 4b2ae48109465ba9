/** What is said to an island: when a request is cancelled while something else is being said, and when it takes no more. */
import pino from 'pino'
import * as assert from 'uvu/assert'
import { book } from '../../src/node/requests/book.ts'
import { outgoing } from '../../src/node/requests/outgoing.ts'
import type { RequestsComponents, StoredRequest } from '../../src/node/requests/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { RequestStatus } from '../../src/protocols/replicate/messages.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'

const test = suite('requests: what is said to an island')

const OTHER = 'other'

/** An island that accepts all; `during` runs while a message is under way. */
async function world(t: TestContext, ids: readonly string[], state: StoredRequest['state'] = 'requested') {
  const said: string[] = []
  const there = new Map<string, RequestStatus>()
  let during: (message: string) => Promise<unknown> = async () => {}
  const hears = async (message: string) => {
    said.push(message)
    await during(message)
  }
  const status = (id: string, now: RequestStatus['state']): RequestStatus => {
    there.set(id, { id, state: now })
    return { id, state: now }
  }
  const remote: RequestsComponents['remote'] = {
    async ask(_, { id }) {
      await hears(`ask ${id}`)
      return status(id, 'accepted')
    },
    plan: async () => assert.unreachable('nothing is planned') as never,
    async state(_, asked) {
      await hears(`state ${asked.join(' ')}`)
      return asked.flatMap((id) => there.get(id) ?? [])
    },
    async cancel(_, id) {
      await hears(`cancel ${id}`)
      return status(id, 'cancelled')
    },
  }
  const kept = book({ all: async () => [], put: async () => {}, forget: async () => {} }, 10)
  const outward = outgoing(kept, {
    remote,
    isMember: () => true,
    logger: pino({ level: 'silent' }),
  } as unknown as RequestsComponents)
  t.cleanup(() => outward.stop())
  for (const id of ids)
    await kept.put({
      ...{ id, dataset: 'd', publisher: 'p', version: 'ab'.repeat(32), files: [], priority: 'normal', user: 'owner' },
      ...{ direction: 'outgoing', island: OTHER, state, owed: state === 'requested', created: 1, updated: 1 },
    })
  return {
    said,
    there,
    outward,
    /** It takes no request any more. */
    fill() {
      during = async (message) => {
        if (message.startsWith('ask ')) throw new ArchipelError('TOO_MANY', 'it has many')
      }
    },
    kept,
    cancelWhen(message: string, id: string) {
      during = async (now) => {
        if (now === message && kept.get(id).state !== 'cancelled') await outward.cancel(kept.get(id))
      }
    },
    delivered: (id: string) =>
      eventually(async () => assert.equal([kept.get(id).state, kept.get(id).owed], ['cancelled', false]), {
        timeoutMs: 10_000,
        intervalMs: 5,
        signal: t.signal,
      }),
  }
}

test('cancelled while the island says that it does not know it: it is not asked again', async (t) => {
  const { said, outward, cancelWhen, delivered } = await world(t, ['req-one'], 'accepted')
  cancelWhen('state req-one', 'req-one')
  outward.talk(OTHER)
  await delivered('req-one')
  assert.equal(said, ['state req-one', 'cancel req-one'])
})

test('cancelled while it is asked for: the answer does not open it again, and the island is told', async (t) => {
  const { said, outward, cancelWhen, delivered } = await world(t, ['req-one'])
  cancelWhen('ask req-one', 'req-one')
  outward.talk(OTHER)
  await delivered('req-one')
  assert.equal(said, ['ask req-one', 'cancel req-one'])
})

test('cancelled while one before it is asked for: it is never asked for', async (t) => {
  const { said, outward, cancelWhen, delivered } = await world(t, ['req-one', 'req-two'])
  cancelWhen('ask req-one', 'req-two')
  outward.talk(OTHER)
  await delivered('req-two')
  assert.equal(said.slice(0, 2), ['ask req-one', 'cancel req-two'])
  assert.not.ok(said.includes('ask req-two'))
})

test('an island that takes no more is asked how those are that it took, and told what is cancelled', async (t) => {
  const { said, there, kept, outward, fill, delivered } = await world(t, ['req-one', 'req-two', 'req-three'])
  await kept.put(kept.get('req-one'), { state: 'accepted', owed: false })
  there.set('req-one', { id: 'req-one', state: 'available' })
  await kept.put(kept.get('req-three'), { state: 'cancelled' })
  await kept.put({ ...kept.get('req-two'), id: 'req-four' })
  fill()
  outward.talk(OTHER)
  await delivered('req-three')
  await eventually(async () => assert.is(kept.get('req-one').state, 'available'), {
    timeoutMs: 10_000,
    intervalMs: 5,
    signal: t.signal,
  })
  assert.equal(said.slice(0, 3), ['ask req-two', 'cancel req-three', 'state req-one'])
  assert.ok(kept.get('req-four').owed, 'and what it did not take is asked again')
})

test.run()
