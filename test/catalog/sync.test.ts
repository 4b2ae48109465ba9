import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { Archipelago, all, notes, remote, settle, sync } from './archipelago.ts'

const test = suite('catalog: comparing and pulling')

test('what one island states the other sees, changes and withdrawals included', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await a.cat.append('note', 'y', { n: 2 })
  await settle(a, b)
  assert.equal(await notes(b, a), ['x=1', 'y=2'])
  await a.cat.append('note', 'x', { n: 3 })
  await a.cat.withdraw('note', 'y')
  await settle(b, a)
  assert.equal(await notes(b, a), ['x=3'])
  assert.is(await b.cat.get('note', 'y', a.self), undefined)
  assert.equal((await b.cat.get('note', 'x', a.self))!.body, { n: 3 })
})

test('an idle round costs one small message and its answer', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await settle(a, b)
  let calls = 0
  const counting = remote(a, b)
  const report = await a.cat.syncWith({
    ...counting,
    digest: (r) => {
      calls++
      return counting.digest(r)
    },
  })
  assert.equal(report, { same: true, records: 0, logs: 0, pending: [] })
  assert.is(calls, 1)
})

test('gossip brings a small change at once; a gap makes it a hint', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await settle(a, b)
  a.announced.length = 0
  const behind: string[] = []
  b.cat.on('behind', ({ origin, from }) => behind.push(`${origin} ${from}`))
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 2 })
  assert.is(a.announced.length, 1)
  await b.cat.onGossip(a.self, a.announced[0]!)
  assert.equal(await notes(b, a), ['x=2'])
  assert.equal(behind, [])
  await b.cat.onGossip(a.self, a.announced[0]!)
  assert.equal(behind, [], 'what is known is no news')
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 3 })
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 4 })
  assert.is(a.announced.length, 3)
  await b.cat.onGossip(a.self, a.announced[2]!)
  assert.equal(behind, [`${a.self} ${a.self}`])
  assert.equal(await notes(b, a), ['x=2'])
  await sync(b, a)
  assert.equal(await notes(b, a), ['x=4'])
})

test('a large log is complete at once, checked afterwards, and served only then', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, c] = [await arc.island(), await arc.island(), await arc.island()]
  for (let i = 0; i < 3; i++) {
    await a.cat.appendMany(Array.from({ length: 900 }, (_, k) => ({ kind: 'note', id: `n${i}-${k}`, body: { n: k } })))
  }
  await sync(a, c)
  const hold = new Promise<void>((resolve) => setTimeout(resolve, 20))
  const slow = remote(b, a)
  await b.cat.syncWith({
    ...slow,
    digest: async (request) => {
      // While the round lasts, the checking waits.
      const reply = await slow.digest(request)
      if (reply.same) {
        assert.is(b.cat.status().unverified, 1)
        const [first] = await all(b.cat.handlePull(c.self, { origin: a.self, audience: 'members', from: null }))
        assert.equal(first, { refused: 'later' })
        await hold
      }
      return reply
    },
  })
  assert.is((await notes(b, a)).length, 2700)
  for (let i = 0; i < 500 && b.cat.status().unverified > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.is(b.cat.status().unverified, 0)
  await sync(c, b)
  assert.is((await notes(c, a)).length, 2700)
})

test.run()
