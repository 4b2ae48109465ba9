/** Deciding who brings a copy: what holds for any archipelago, and what islands do that follow it. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  type CopyState,
  countCopies,
  type DecidedIsland,
  type DecidedRule,
  decide,
  exclusion,
  places,
} from '../../src/protocols/rules/decide.ts'
import { parseSites } from '../../src/protocols/rules/sites.ts'
import { suite } from '../kit/index.ts'

const test = suite('rules: deciding')

const COUNTRIES = ['DE', 'FR', 'IT']

function island(n: number, more: Partial<DecidedIsland> = {}): DecidedIsland {
  const country = COUNTRIES[n % 3]!
  return {
    id: `isl${n}`,
    facts: { id: [`isl${n}`], name: [`n${n}`], site: [], place: [], country: [country], label: [], engine: [] },
    obeys: () => true,
    gone: false,
    silent: false,
    ...more,
  }
}

function rule(key: string, copies: number, more: Partial<DecidedRule> = {}): DecidedRule {
  return { key, origin: 'isl0', copies, sites: undefined, spread: undefined, ...more }
}

const anyIslands = fc
  .array(fc.record({ gone: fc.boolean(), silent: fc.boolean(), obeys: fc.boolean() }), { minLength: 1, maxLength: 9 })
  .map((all) => all.map(({ gone, silent, obeys }, n) => island(n, { gone, silent, obeys: () => obeys })))
const anyRule = (key: string) =>
  fc
    .record({
      copies: fc.integer({ min: 1, max: 5 }),
      spread: fc.constantFrom(undefined, 'country' as const),
      sites: fc.constantFrom(undefined, parseSites("country in ('DE', 'IT')"), parseSites("not name = 'n1'")),
    })
    .map(({ copies, ...more }) => rule(key, copies, more))
const anyCopies = fc
  .array(fc.constantFrom<(CopyState | undefined)[]>('held', 'coming', 'part', undefined), {
    minLength: 9,
    maxLength: 9,
  })
  .map(
    (all) =>
      new Map<string, CopyState>(
        all.flatMap((state, n) => (state === undefined ? [] : [[`isl${n}`, state] as [string, CopyState]])),
      ),
  )
const anyVersion = fc.constantFrom('v1', 'v2', 'v3', 'v4')
const window = fc.integer({ min: 0, max: 20 })

test('only islands that a rule means have their turn, no more than are missing, none that has or brings a copy', () => {
  fc.assert(
    fc.property(anyVersion, anyRule('r'), anyIslands, anyCopies, window, (version, r, islands, copies, w) => {
      const [decision] = decide({ version, rules: [r], islands, copies, window: w })
      const { turn, held, coming, missing, candidates } = decision!
      assert.ok(turn.length <= missing)
      assert.is(missing, Math.max(0, r.copies - held.length - coming.length))
      if (missing > 0 && candidates.length > 0) assert.ok(turn.length > 0, 'somebody has a turn in each window')
      for (const id of turn) {
        const one = islands.find((each) => each.id === id)!
        assert.is(exclusion(r, one), undefined)
        assert.is.not(copies.get(id), 'held')
        if (!one.silent) assert.is.not(copies.get(id), 'coming')
      }
      const all = [...held, ...coming, ...turn]
      assert.is(new Set(all).size, all.length)
      if (r.spread === 'country') {
        const countries = all.map((id) => islands.find((each) => each.id === id)!.facts.country[0])
        assert.is(new Set(countries).size, countries.length, 'each in another country')
      }
    }),
  )
})

test('a narrow rule whose only island does nothing keeps no wider one waiting', () => {
  const islands = [island(0), island(1), island(2)]
  const rules = [rule('narrow', 1, { sites: parseSites("name = 'n1'") }), rule('wide', 2)]
  const copies = new Map<string, CopyState>([['isl0', 'held']])
  const turns = (window: number) =>
    decide({ version: 'v', rules, islands, copies, window }).map(({ rule: { key }, turn }) => [key, turn])
  assert.equal(turns(0), [
    ['narrow', ['isl1']],
    ['wide', []],
  ])
  const wide = [1, 2].flatMap((window) => turns(window)[1]![1] as string[])
  assert.ok(wide.includes('isl2'), `${wide}`)
})

test('every candidate has its turn in some window, so that one who cannot act is passed over', () => {
  fc.assert(
    fc.property(anyVersion, anyRule('r'), anyIslands, anyCopies, (version, r, islands, copies) => {
      const seen = new Set<string>()
      const of = (w: number) => decide({ version, rules: [r], islands, copies, window: w })[0]!
      for (let w = 0; w < islands.length; w++) for (const id of of(w).turn) seen.add(id)
      assert.equal([...seen].sort(), [...of(0).candidates].sort())
    }),
  )
})

test('the order in which islands and rules are named changes nothing', () => {
  fc.assert(
    fc.property(anyRule('a'), anyRule('b'), anyIslands, anyCopies, window, (a, b, islands, copies, w) => {
      const one = decide({ version: 'v', rules: [a, b], islands, copies, window: w })
      const other = decide({ version: 'v', rules: [b, a], islands: [...islands].reverse(), copies, window: w })
      const turns = (all: typeof one) => all.map((each) => [each.rule.key, [...each.turn].sort(), each.missing])
      // With a spread, which of two copies in one country stands for it may differ; how many count may not.
      assert.equal(turns(one), turns(other))
    }),
  )
})

test('N islands act and nobody else, and a holder that comes back brings no work', () => {
  fc.assert(
    fc.property(anyVersion, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 4, max: 9 }), (version, n, many) => {
      const islands = Array.from({ length: many }, (_, i) => island(i))
      const copies = new Map<string, CopyState>()
      const asked = decide({ version, rules: [rule('r', n)], islands, copies, window: 0 })[0]!
      assert.is(asked.turn.length, n)
      for (const id of asked.turn) copies.set(id, 'held')
      assert.equal(decide({ version, rules: [rule('r', n)], islands, copies, window: 0 })[0]!.turn, [])
      // One is lost for good: exactly one takes over. It comes back: nobody does anything.
      const without = islands.map((each) => (each.id === asked.turn[0] ? { ...each, gone: true } : each))
      const instead = decide({ version, rules: [rule('r', n)], islands: without, copies, window: 0 })[0]!.turn
      assert.is(instead.length, many > n ? 1 : 0)
      for (const id of instead) copies.set(id, 'held')
      const back = decide({ version, rules: [rule('r', n)], islands, copies, window: 0 })[0]!
      assert.equal([back.turn, back.missing], [[], 0])
    }),
  )
})

test('an island that comes or goes moves no other in the order', () => {
  fc.assert(
    fc.property(anyVersion, fc.integer({ min: 2, max: 9 }), (version, many) => {
      const islands = Array.from({ length: many }, (_, i) => island(i))
      const order = (of: DecidedIsland[]) =>
        decide({ version, rules: [rule('r', 1)], islands: of, copies: new Map(), window: 0 })[0]!.candidates
      assert.equal(
        order(islands.slice(1)),
        order(islands).filter((id) => id !== 'isl0'),
      )
    }),
  )
})

test('two rules about one dataset share copies: as many as the larger asks for', () => {
  fc.assert(
    fc.property(anyVersion, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (version, a, b) => {
      const islands = Array.from({ length: 8 }, (_, i) => island(i))
      const decisions = decide({ version, rules: [rule('a', a), rule('b', b)], islands, copies: new Map(), window: 0 })
      assert.is(new Set(decisions.flatMap(({ turn }) => turn)).size, Math.max(a, b))
    }),
  )
})

test('whoever has an earlier version or a part is first', () => {
  const islands = Array.from({ length: 6 }, (_, i) => island(i))
  for (const { id } of islands) {
    const [decision] = decide({
      version: 'v',
      rules: [rule('r', 1)],
      islands,
      copies: new Map([[id, 'part']]),
      window: 0,
    })
    assert.equal(decision!.turn, [id])
  }
})

test('a copy counts where the island does not obey the rule, and it brings none', () => {
  const islands = [island(0), island(1, { obeys: () => false }), island(2, { obeys: () => false })]
  const r = rule('r', 2)
  assert.is(places(r, islands), 1)
  assert.is(countCopies(r, [islands[1]!, islands[2]!]), 2)
  const copies = new Map<string, CopyState>([['isl1', 'held']])
  const [decision] = decide({ version: 'v', rules: [r], islands, copies, window: 0 })
  assert.equal([decision!.held, decision!.turn], [['isl1'], ['isl0']])
})

test.run()
