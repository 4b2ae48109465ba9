/** Promises to keep copies: islands over a network that delays and cuts, and stores that outlive them. */
import { setImmediate as breath } from 'node:timers/promises'
import fc from 'fast-check'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import type { PromisesPort, Unmet } from '../../src/node/promises/port.ts'
import { promises } from '../../src/node/promises/promises.ts'
import type { Bucket } from '../../src/node/store/port.ts'
import { ArchipelError, toArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('promises: dropping with the word of others')

const COPY = { publisher: `isl${'p'.repeat(32)}`, dataset: 'doi:10.1234/x', version: 'ab'.repeat(32) }
const logger = pino({ level: 'silent' })
const NEVER = new AbortController().signal

function memory(): Bucket {
  const values = new Map<string, string>()
  return {
    get: async (key) => values.get(key),
    put: async (key, value) => {
      await breath()
      values.set(key, value)
    },
    delete: async (key) => void values.delete(key),
    async *entries() {
      yield* [...values]
    },
    getBytes: async () => undefined,
    async *entriesBytes() {},
  }
}

interface World {
  holders: Set<string>
  /** Cut off from everybody. */
  away: Set<string>
  now: number
  desks: Map<string, PromisesPort>
  stores: Map<string, Bucket>
  drop(island: string, force?: boolean): Promise<string>
  /** Kills it, and starts it again on its disk. */
  restart(island: string): Promise<void>
}

/** Islands a, b, c, ... that all have the copy, a rule that wants so many of them, and delays taken from a list. */
async function world(count: number, copies: number, delays: number[] = [0]): Promise<World> {
  const names = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i))
  const w: World = {
    holders: new Set(names),
    away: new Set(),
    now: 1_000_000,
    desks: new Map(),
    stores: new Map(names.map((name) => [name, memory()])),
    async drop(island, force = false) {
      const holders = [...w.holders].filter((name) => name !== island)
      try {
        const remove = async () => {
          await pause()
          w.holders.delete(island)
        }
        await w.desks.get(island)!.drop(COPY, { holders, force, signal: NEVER }, remove)
        return 'ok'
      } catch (cause) {
        return toArchipelError(cause).code
      }
    },
    async restart(island) {
      w.desks.set(island, desk(island))
      await w.desks.get(island)!.start()
    },
  }
  let at = 0
  const pause = async () => {
    for (let n = delays[at++ % delays.length]!; n > 0; n--) await breath()
  }
  const unmet = (self: string, stay: readonly string[]): Unmet[] => {
    const wanted = copies
    return stay.length < wanted && w.holders.has(self)
      ? [{ rule: 'rule-1', origin: 'a', kept: stay.length, wanted }]
      : []
  }
  const desk = (self: string) =>
    promises(
      { self },
      {
        store: w.stores.get(self)!,
        holds: async () => {
          await pause()
          return w.holders.has(self)
        },
        async ask(island, request) {
          await pause()
          if (w.away.has(island) || w.away.has(self)) throw new ArchipelError('UNREACHABLE', 'cut off')
          const answer = await w.desks.get(island)!.answer(self, request)
          await pause()
          return answer
        },
        unmet: (_, stay) => unmet(self, stay),
        nameOf: (island) => island,
        now: () => w.now,
        logger,
      },
    )
  for (const name of names) await w.restart(name)
  return w
}

test('whoever drops at once, in whatever order messages come: never fewer copies than the rule asks for', async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 40 })
  const count = fc.integer({ min: 2, max: 5 })
  await fc.assert(
    fc.asyncProperty(count, fc.integer({ min: 0, max: 4 }), delays, delays, async (islands, copies, ways, starts) => {
      const w = await world(islands, Math.min(copies, islands), ways)
      const least = Math.max(1, Math.min(copies, islands))
      const codes = await Promise.all(
        [...w.holders].map(async (island, i) => {
          for (let n = starts[i % starts.length]!; n > 0; n--) await breath()
          return await w.drop(island)
        }),
      )
      assert.ok(w.holders.size >= least, `${w.holders.size} of ${islands} are left, ${least} have to: ${codes}`)
      assert.is(codes.filter((code) => code === 'ok').length, islands - w.holders.size)
    }),
    { numRuns: 300 },
  )
})

test('where copies are to spare, the lowest of those that drop at once goes', async () => {
  for (const [islands, copies, left] of [
    [2, 1, 1],
    [3, 2, 2],
    [4, 3, 3],
    // Each of the others promised the first to stay, and does.
    [3, 1, 2],
    [5, 2, 4],
  ] as const) {
    const w = await world(islands, copies)
    const codes = await Promise.all([...w.holders].map((island) => w.drop(island)))
    assert.is(codes[0], 'ok', String(codes))
    assert.is(w.holders.size, left)
    for (const code of codes.slice(1)) assert.is(code, 'DROP_CONFLICT')
  }
})

test('a promise outlives the process that gave it, binds force, too, and ends by its time', async () => {
  const w = await world(3, 1)
  // It dies while it deletes: nothing is released.
  const dies = Promise.withResolvers<void>()
  const remove = async () => {
    w.holders.delete('a')
    dies.resolve()
    await new Promise(() => {})
  }
  void w.desks.get('a')!.drop(COPY, { holders: ['b', 'c'], force: false, signal: NEVER }, remove)
  await dies.promise
  for (const name of ['b', 'c']) await w.restart(name)
  assert.is(await w.drop('b'), 'DROP_PROMISED')
  assert.is(await w.drop('b', true), 'DROP_PROMISED')
  w.now += 600_001
  assert.is(await w.drop('b'), 'ok')
  assert.is(await w.drop('c'), 'LAST_COPY')
  assert.is(await w.drop('c', true), 'ok')
})

test('a partition refuses a drop and says who did not answer, unless enough are on this side', async () => {
  const w = await world(3, 2)
  w.away.add('c')
  const error = await rejects(
    w.desks.get('a')!.drop(COPY, { holders: ['b', 'c'], force: false, signal: NEVER }, async () => {}),
    'PROMISE_MISSING',
  )
  assert.equal((error.details as { unanswered: string[] }).unanswered, ['c'])
  assert.is(await w.drop('c'), 'PROMISE_MISSING', 'nor there')
  w.away.clear()
  assert.is(await w.drop('b'), 'ok', 'what was promised for the drop that failed is released')
  const many = await world(4, 2)
  many.away.add('d')
  assert.is(await many.drop('a'), 'ok')
})

test('below a rule nothing goes without force, and the last copy neither', async () => {
  const w = await world(2, 2)
  assert.is(await w.drop('a'), 'BELOW_RULE')
  assert.is(await w.drop('a', true), 'ok')
  assert.is(await w.drop('b'), 'LAST_COPY')
  assert.equal([...w.holders], ['b'])
})

test('an answer that comes too late drops nothing: the promises may be over', async () => {
  const w = await world(2, 1)
  const answer = w.desks.get('b')!
  w.desks.set('b', {
    ...answer,
    async answer(from, request) {
      const given = await answer.answer(from, request)
      w.now += 400_000
      return given
    },
  })
  assert.is(await w.drop('a'), 'PROMISE_MISSING')
  assert.is(w.holders.size, 2)
})

test('a drop that is given up, or cannot delete, binds nobody any longer', async () => {
  const w = await world(3, 1)
  const stop = new AbortController()
  const b = w.desks.get('b')!
  const c = w.desks.get('c')!
  const promised = Promise.withResolvers<void>()
  w.desks.set('b', {
    ...b,
    async answer(from, request) {
      const given = await b.answer(from, request)
      promised.resolve()
      return given
    },
  })
  // The other one does not answer before it is given up.
  const given = Promise.withResolvers<never>()
  w.desks.set('c', { ...c, answer: () => given.promise })
  const options = { holders: ['b', 'c'], force: false, signal: stop.signal }
  const dropping = rejects(
    w.desks.get('a')!.drop(COPY, options, async () => {}),
    'CANCELLED',
  )
  await promised.promise
  await breath()
  stop.abort(new ArchipelError('CANCELLED', 'given up'))
  given.reject(stop.signal.reason)
  await dropping
  w.desks.set('b', b).set('c', c)
  const full = async () => {
    throw new ArchipelError('DISK_FULL', 'no room')
  }
  await rejects(w.desks.get('a')!.drop(COPY, { ...options, signal: NEVER }, full), 'DISK_FULL')
  assert.is(await w.drop('b'), 'ok')
})

test.run()
