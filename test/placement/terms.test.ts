import * as assert from 'uvu/assert'
import type { Facts } from '../../src/node/placement/facts.ts'
import { askedFor } from '../../src/node/placement/filters/asked-for.ts'
import { capacity } from '../../src/node/placement/filters/capacity.ts'
import { data } from '../../src/node/placement/filters/data.ts'
import { labels } from '../../src/node/placement/filters/labels.ts'
import { language } from '../../src/node/placement/filters/language.ts'
import { lost } from '../../src/node/placement/filters/lost.ts'
import { member } from '../../src/node/placement/filters/member.ts'
import { policy } from '../../src/node/placement/filters/policy.ts'
import { refused } from '../../src/node/placement/filters/refused.ts'
import { tried } from '../../src/node/placement/filters/tried.ts'
import { judge } from '../../src/node/placement/judge.ts'
import { missingBytes } from '../../src/node/placement/terms/missing-bytes.ts'
import { queueWait } from '../../src/node/placement/terms/queue-wait.ts'
import { resultBytes } from '../../src/node/placement/terms/result-bytes.ts'
import { start } from '../../src/node/placement/terms/start.ts'
import { bytesText, plural, secondsText } from '../../src/node/placement/words.ts'
import { suite } from '../kit/index.ts'
import { soundFacts } from './world.ts'

const test = suite('placement: terms and filters')

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`)

test('the wait for a slot is a term as it was estimated', () => {
  assert.equal(queueWait(soundFacts()), { name: 'queue wait', seconds: 1.5, reason: '3 pieces ahead' })
})

test('the start is the way with the code, and the engine', () => {
  const plain = start(soundFacts())
  near(plain.seconds, 2 * 0.01 + 1000 / 1e6)
  assert.is(plain.reason, '2 round trips of 10 ms')
  const engine = start(soundFacts({ engine: { startMs: 40, measured: 'there' } }))
  near(engine.seconds, plain.seconds + 0.04)
  assert.match(engine.reason, /the engine starts in 40 ms$/)
  assert.match(start(soundFacts({ engine: { startMs: 40, measured: 'here' } })).reason, /as here$/)
  const code = start(soundFacts({ codeBytes: 500_000 }))
  near(code.seconds, 0.52)
  assert.match(code.reason, /500 kB of code in 500 ms/)
  const unknown = { rttMs: 50, bytesPerSecond: 1e7, measured: { rtt: false, throughput: false } }
  assert.match(start(soundFacts({ link: unknown })).reason, /not measured yet/)
})

test('at this island neither the way nor the result costs anything', () => {
  const here = soundFacts({ self: true, engine: { startMs: 40, measured: 'here' } })
  assert.equal(start(here), { name: 'start', seconds: 0.04, reason: 'here, the engine starts in 40 ms' })
  assert.is(start(soundFacts({ self: true })).reason, 'here')
  assert.is(resultBytes(here).seconds, 0)
})

test('the result comes back over the measured link', () => {
  const term = resultBytes(soundFacts())
  near(term.seconds, 2)
  assert.is(term.reason, '2 MB at 1 MB/s, as 3 earlier results of these data')
  const none = resultBytes(soundFacts({ result: { bytes: 0, basis: 'no earlier result to judge by' } }))
  assert.equal([none.seconds, none.reason], [0, 'no earlier result to judge by'])
  const link = { rttMs: 1, bytesPerSecond: 1e6, measured: { rtt: true, throughput: false } }
  assert.match(resultBytes(soundFacts({ link })).reason, /not measured yet/)
})

test('missing data cost what moving them would take; what nobody has cannot be moved', () => {
  assert.is(missingBytes(soundFacts()).seconds, 0)
  const a = { id: 'doi:10.1/a', bytes: 3e9, stale: false, from: 'C', bytesPerSecond: 1e8 }
  const b = { id: 'doi:10.1/b', bytes: 1e6, stale: false, from: 'D', bytesPerSecond: 1e6 }
  const term = missingBytes(soundFacts({ missing: [a, b] }))
  near(term.seconds, 31)
  assert.is(term.reason, '3 GB of doi:10.1/a from C and 1 MB of doi:10.1/b from D, about 31 s')
  const nowhere = missingBytes(soundFacts({ missing: [a, { id: 'doi:10.1/c', bytes: 1, stale: false }] }))
  assert.is(nowhere.seconds, Number.POSITIVE_INFINITY)
  assert.match(nowhere.reason, /nobody has doi:10.1\/c$/)
})

const missing = { id: 'doi:10.1/a', bytes: 1, stale: false }
const cases: [string, (facts: Facts) => unknown, Partial<Facts>, string, RegExp][] = [
  ['no member', member, { member: false }, 'NOT_A_MEMBER', /not a member/],
  ['another island was asked for', askedFor, { other: 'C' }, 'NO_HOLDER', /asked for: C/],
  ['it was tried', tried, { tried: 'its lease ran out' }, 'NO_HOLDER', /was tried: its lease ran out/],
  ['it was tried, in full words', tried, { tried: 'was tried: full' }, 'NO_HOLDER', /^was tried: full$/],
  ['it is lost', lost, { liveness: 'lost' }, 'UNREACHABLE', /lost/],
  ['it lacks data', data, { missing: [missing] }, 'DATASET_NOT_FOUND', /^does not hold doi:10.1\/a$/],
  [
    'its data are stale',
    data,
    { missing: [{ ...missing, stale: true, why: 'its replica is stale' }] },
    'STALE',
    /\(its replica is stale\)$/,
  ],
  ['it lacks the language', language, { languages: ['r'] }, 'LANGUAGE_MISSING', /cannot run sql: runs r only/],
  [
    'it has no Spark',
    language,
    { wantedEngine: 'livy', languages: [] },
    'LANGUAGE_MISSING',
    /cannot run sql: has no Spark/,
  ],
  [
    'nothing is known of its Spark',
    language,
    { wantedEngine: 'livy', languages: undefined },
    'LANGUAGE_MISSING',
    /its card/,
  ],
  ['it has no engine', language, { languages: [] }, 'LANGUAGE_MISSING', /has no engine/],
  ['it lacks a label', labels, { wantedLabels: ['gpu', 'x'] }, 'NO_HOLDER', /lacks the label x$/],
  ['it is too small', capacity, { wantedMemoryBytes: 3e9 }, 'MEMORY_LIMIT', /allows 2 GB of memory, 3 GB are wanted/],
  ['its policy forbids it', policy, { forbidden: 'not on Sundays' }, 'FORBIDDEN', /not on Sundays/],
  ['it refused', refused, { refusal: { code: 'TOO_MANY', reason: 'full' } }, 'TOO_MANY', /full/],
]

for (const [what, filter, spoilt, code, reason] of cases) {
  test(`an island is excluded when ${what}, with the reason`, () => {
    assert.is(filter(soundFacts()), undefined, 'a sound one passes')
    const exclusion = filter(soundFacts(spoilt)) as { code: string; reason: string }
    assert.is(exclusion.code, code)
    assert.match(exclusion.reason, reason)
    const verdict = judge(soundFacts(spoilt))
    assert.equal(verdict.exclusion, exclusion, 'the judge has this filter')
    assert.equal(verdict.terms, [])
  })
}

test('what is not known excludes nobody', () => {
  const { languages: _, memoryBytes: __, ...rest } = soundFacts()
  const unknown: Facts = { ...rest, liveness: 'unknown' }
  assert.is(judge(unknown).exclusion, undefined)
  assert.is(judge(soundFacts({ liveness: 'suspect' })).exclusion, undefined)
  assert.is(judge(soundFacts({ liveness: 'lost', heard: true })).exclusion, undefined, 'it was heard just now')
})

test('the cost is the sum of all terms', () => {
  const { terms, seconds } = judge(soundFacts())
  assert.equal(
    terms.map((t) => t.name),
    ['queue wait', 'start', 'missing data', 'result'],
  )
  near(seconds, 1.5 + 0.021 + 0 + 2)
})

test('numbers are short in words', () => {
  assert.equal([0, 0.0042, 0.25, 1.24, 59, 60, 75, 3600, 9000].map(secondsText), [
    '0 ms',
    '4.2 ms',
    '250 ms',
    '1.2 s',
    '59 s',
    '1 min',
    '1 min 15 s',
    '1 h',
    '2 h 30 min',
  ])
  assert.equal([0, 999, 1000, 1_234_567, 99_960_000, 5e12].map(bytesText), [
    '0 B',
    '999 B',
    '1 kB',
    '1.2 MB',
    '100 MB',
    '5 TB',
  ])
  assert.equal([plural(1, 'piece'), plural(2, 'piece')], ['1 piece', '2 pieces'])
})

test.run()
