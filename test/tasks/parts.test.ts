import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { failpointOf } from '../../src/node/failpoint.ts'
import type { BucketChange } from '../../src/node/store/port.ts'
import { openStore } from '../../src/node/store/store.ts'
import { bell, pause, systemClock, watchdog } from '../../src/node/tasks/clock.ts'
import { fairQueue } from '../../src/node/tasks/fair-queue.ts'
import { newTaskSuffix } from '../../src/node/tasks/ids.ts'
import { keys } from '../../src/node/tasks/store/records.ts'
import { taskStore } from '../../src/node/tasks/store/task-store.ts'
import { turns } from '../../src/node/tasks/turns.ts'
import { logPage } from '../../src/protocols/model/log-page.ts'
import { taskId } from '../../src/protocols/model/task.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('the parts of tasks')

test('work on one key happens in turns, also when one turn asks for the next', async () => {
  const queue = turns()
  const order: string[] = []
  let inner: Promise<void> | undefined
  const outer = queue.run('k', async () => {
    inner = queue.run('k', async () => void order.push('second'))
    await pause(systemClock, 5)
    order.push('first')
  })
  await Promise.all([outer, queue.run('other', async () => void order.push('other'))])
  await inner
  assert.equal(order, ['other', 'first', 'second'])
  await queue.run('k', () => Promise.reject(new Error('x'))).catch(() => {})
  assert.is(await queue.run('k', async () => 7), 7, 'a failure does not block the next')
})

test('slots never run over, queues never lose anybody, and turns are fair, whatever comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.constantFrom('enter', 'leave', 'release'), fc.integer({ min: 0, max: 3 })), {
        maxLength: 60,
      }),
      async (slots, steps) => {
        const queue = fairQueue({ slots, maxWaiting: 10, maxPerGroup: 8, maxPerMember: 5 })
        const places: ReturnType<typeof queue.enter>[] = []
        const running: (() => void)[] = []
        let entered = 0
        let gone = 0
        for (const [what, n] of steps) {
          if (what === 'enter') {
            try {
              const place = queue.enter(`g${n % 2}`, `m${n}`)
              places.push(place)
              entered++
              void place.turn.then((release) => release !== undefined && running.push(release))
            } catch {
              // Full.
            }
          } else if (what === 'leave') {
            const waiting = places.filter((p) => p.waiting)[n]
            if (waiting !== undefined) gone++
            waiting?.leave()
          } else {
            const release = running.shift()
            if (release !== undefined) gone++
            release?.()
            release?.()
          }
          await Promise.resolve()
          await Promise.resolve()
          assert.ok(queue.running <= slots && queue.waiting <= 10, 'bounds')
          assert.is(queue.running + queue.waiting, entered - gone, 'nobody is lost')
          assert.ok(queue.waiting === 0 || queue.running === slots, 'no slot is free while somebody waits')
        }
      },
    ),
  )
})

test('a group with a thousand pieces makes another wait for one of them', async () => {
  const queue = fairQueue({ slots: 1, maxWaiting: 10_000, maxPerGroup: 10_000, maxPerMember: 10_000 })
  const order: string[] = []
  let release: (() => void) | undefined
  const enter = (group: string, member: string) =>
    void queue.enter(group, member).turn.then((r) => {
      order.push(group + member)
      release = r
    })
  for (let i = 0; i < 1000; i++) enter('a', 'x')
  enter('a', 'y')
  enter('b', 'z')
  for (let i = 0; i < 5; i++) {
    await Promise.resolve()
    await Promise.resolve()
    release?.()
  }
  assert.equal(order.slice(0, 5), ['ax', 'ax', 'bz', 'ay', 'ax'])
})

test('changes that come together go to the disk together, each complete, in their order', async (t) => {
  const batches: BucketChange[][] = []
  const store = await openStore({ directory: await t.tmpdir() })
  t.cleanup(() => store.close())
  const spy = {
    bucket: store.bucket,
    batch: (changes: BucketChange[]) => {
      batches.push(changes)
      return store.batch(changes)
    },
  }
  const tasks = taskStore({ store: spy })
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => tasks.write('requester:queued', [{ key: keys.task('x'), value: { n: i } }])),
  )
  assert.is(batches.length, 2)
  assert.equal((await tasks.task('x')) as unknown, { n: 49 })
})

test('a batch that fails fails all that were in it, and the next is tried', async () => {
  let broken = true
  const tasks = taskStore({
    store: {
      bucket: () => undefined as never,
      batch: async () => {
        if (broken) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      },
    },
  })
  await rejects(tasks.write('requester:queued', []), 'DISK_FULL')
  broken = false
  await tasks.write('requester:queued', [])
})

test('an entry that cannot be read is left out and told', async (t) => {
  const store = await openStore({ directory: await t.tmpdir() })
  t.cleanup(() => store.close())
  const told: string[] = []
  const tasks = taskStore({ store, onBroken: (key) => told.push(key) })
  await store.batch([
    { bucket: 'tasks', key: 'u/a', value: '1' },
    { bucket: 'tasks', key: 't/a', value: '{"v":1,' },
    { bucket: 'tasks', key: 't/b', value: '{"v":1,"id":"b"}' },
    { bucket: 'tasks', key: 'e/x/y/0000001', value: 'nonsense' },
  ])
  assert.equal(await tasks.unfinished(), [])
  assert.equal(await tasks.errands(), [])
  const listed = []
  for await (const task of tasks.tasks()) listed.push(task.id)
  assert.equal(listed, ['b'])
  assert.ok(told.includes('t/a') && told.includes('e/x/y/0000001'))
})

test('ids are in the order of their making, also when the clock stands or goes back', () => {
  let now = 1_800_000_000_000
  const next = newTaskSuffix({ now: () => now, elapsed: () => now, after: () => () => {} })
  const ids: string[] = []
  for (let i = 0; i < 300; i++) {
    if (i % 100 === 50) now -= 10_000
    ids.push(next())
  }
  assert.equal([...ids].sort(), ids)
  assert.is(new Set(ids).size, ids.length)
  for (const id of ids) assert.ok(taskId.safeParse(`task-isl${'a'.repeat(32)}-${id}`).success, id)
})

test('pages of a log never cut a character, and together are the whole log', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.integer({ min: 4, max: 20 }), (text, limit) => {
      const bytes = Buffer.from(text)
      let read = ''
      for (let offset = 0; ; ) {
        const part = bytes.subarray(offset, offset + limit)
        const page = logPage(part, { offset, total: bytes.length, ended: true })
        read += page.text
        offset = page.next
        if (page.ended) break
        assert.ok(page.next > page.offset, 'it goes on')
      }
      assert.is(read, text)
    }),
  )
  const noText = logPage(Buffer.from([0xff, 0xfe, 0x80, 0x80, 0x80, 0x80]), { offset: 0, total: 6, ended: false })
  assert.ok(noText.next > 0, 'bytes that are no text do not stop it')
})

test('a watchdog barks when it is not renewed, and follows its owner', async () => {
  const dog = watchdog(systemClock, 20)
  await pause(systemClock, 10)
  dog.renew()
  await pause(systemClock, 12)
  assert.not.ok(dog.signal.aborted)
  await pause(systemClock, 1_000, dog.signal)
  assert.ok(dog.expired)
  const owner = new AbortController()
  const other = watchdog(systemClock, 10_000, owner.signal)
  owner.abort()
  assert.ok(other.signal.aborted && !other.expired)
  other.clear()
})

test('a bell wakes all who wait, once', async () => {
  const door = bell()
  let woken = 0
  const wait = () => door.wait(systemClock, 60_000).then(() => woken++)
  const waits = [wait(), wait()]
  door.ring()
  await Promise.all(waits)
  assert.is(woken, 2)
  const late = door.wait(systemClock, 1)
  await late
})

test('a failpoint fires at its write only, before or after, at the n-th time', () => {
  const fired = (text: string | undefined, calls: [string, 'before' | 'after'][]) => {
    let kills = 0
    const point = failpointOf(text, () => void kills++)
    for (const [name, when] of calls) point?.(name, when)
    return kills
  }
  const twice: [string, 'before' | 'after'][] = [
    ['provider:done', 'before'],
    ['provider:done', 'after'],
    ['provider:done', 'before'],
    ['requester:queued', 'after'],
  ]
  assert.is(fired(undefined, twice), 0)
  assert.is(fired('', twice), 0)
  assert.is(fired('provider:done', twice.slice(0, 1)), 1)
  assert.is(fired('provider:done:before:2', twice.slice(0, 2)), 0)
  assert.is(fired('provider:done:before:2', twice), 1)
  assert.is(fired('provider:done:after', twice), 1)
  assert.is(fired('requester:queued', twice), 0)
})

test.run()
