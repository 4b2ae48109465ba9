import * as assert from 'uvu/assert'
import { findings, type StatusFacts } from '../../src/node/status/findings.ts'
import { suite } from '../kit/index.ts'

const test = suite('findings')
const GIB = 1024 ** 3

const WELL: StatusFacts = {
  members: 3,
  connected: 2,
  relayed: 0,
  reachable: true,
  announces: true,
  loopbackOnly: false,
  relayReservations: 0,
  skewMs: 20,
  maxClockSkewMs: 600_000,
  engine: { kind: 'embedded', state: 'ready', sandbox: true },
  disk: { freeBytes: 100 * GIB, totalBytes: 200 * GIB },
  results: { bytes: GIB, totalBytes: 20 * GIB },
  quarantined: [],
  selfQuarantined: false,
  selfRevoked: false,
  recovering: false,
  catalogOff: false,
  recoveries: 0,
  twins: [],
  staleDatasets: [],
  lostDatasets: [],
  pausedSubscriptions: [],
}

test('nothing wrong is said as such', () => {
  assert.equal(
    findings(WELL).map((f) => f.code),
    ['OK'],
  )
})

const CASES: [string, Partial<StatusFacts>, string, 'warning' | 'error'][] = [
  ['no peers', { connected: 0, reachable: 'unknown' }, 'NO_PEERS', 'error'],
  ['an address that peers could not reach', { reachable: false }, 'NOT_REACHABLE', 'warning'],
  ['no address and no relay', { announces: false, reachable: 'unknown' }, 'NOT_REACHABLE', 'warning'],
  ['a clock half a minute off', { skewMs: 40_000 }, 'CLOCK_SKEW', 'warning'],
  ['a clock further off than records may be', { skewMs: -700_000 }, 'CLOCK_SKEW', 'error'],
  [
    'an engine that is down',
    { engine: { kind: 'embedded', state: 'down', sandbox: true, reason: 'no memory' } },
    'ENGINE_DOWN',
    'error',
  ],
  ['a Livy that is down', { livy: { state: 'down', reason: 'nothing listens there' } }, 'LIVY_DOWN', 'error'],
  ['no sandbox', { engine: { kind: 'embedded', state: 'ready', sandbox: false } }, 'NO_SANDBOX', 'warning'],
  [
    'no sandbox for programs that are allowed',
    {
      engine: { kind: 'embedded', state: 'ready', sandbox: false, forwarded: { python: true, r: false } },
    },
    'NO_SANDBOX',
    'error',
  ],
  [
    'a language that is allowed and not there',
    {
      engine: {
        kind: 'embedded',
        state: 'ready',
        sandbox: true,
        forwarded: { python: false, r: true },
        missing: { r: 'Rscript is not installed' },
      },
    },
    'LANGUAGE_MISSING',
    'warning',
  ],
  ['much kept', { results: { bytes: 17 * GIB, totalBytes: 20 * GIB } }, 'RESULTS_NEARLY_FULL', 'warning'],
  ['no room for results', { results: { bytes: 20 * GIB, totalBytes: 20 * GIB } }, 'RESULTS_NEARLY_FULL', 'error'],
  ['a disk nearly full', { disk: { freeBytes: GIB / 2, totalBytes: 200 * GIB } }, 'DISK_NEARLY_FULL', 'warning'],
  [
    'a small part of a large disk left',
    { disk: { freeBytes: 5 * GIB, totalBytes: 200 * GIB } },
    'DISK_NEARLY_FULL',
    'warning',
  ],
  ['a full disk', { disk: { freeBytes: 0, totalBytes: 200 * GIB } }, 'DISK_NEARLY_FULL', 'error'],
  ['a revoked island', { selfRevoked: true }, 'MEMBER_REVOKED', 'error'],
  ['a fork of the own log', { selfQuarantined: true }, 'FORKED', 'error'],
  ['a fork elsewhere', { quarantined: ['isl1'] }, 'QUARANTINE', 'warning'],
  ['a log being recovered', { recovering: true }, 'RECOVERING', 'warning'],
  ['a log that others write, too', { recoveries: 4 }, 'KEY_IN_USE', 'error'],
  ['an island that runs twice', { twins: ['two'] }, 'KEY_IN_USE', 'warning'],
  [
    'a subscription that had no room',
    { pausedSubscriptions: [{ id: 'sub-1', message: 'full' }] },
    'SUBSCRIPTION_PAUSED',
    'warning',
  ],
  ['datasets whose files are not known any more', { lostDatasets: ['a'] }, 'NOT_HELD', 'warning'],
  ['changed source files', { staleDatasets: ['a'] }, 'STALE', 'warning'],
]

for (const [what, facts, code, severity] of CASES) {
  test(`${what} is found, and a remedy is named`, () => {
    const found = findings({ ...WELL, ...facts }).find((f) => f.code === code)
    assert.is(found?.severity, severity)
    assert.ok(found !== undefined && found.message.length > 10 && found.remedy.length > 10, 'words and a remedy')
  })
}

test('programs that are refused for want of a sandbox are named with the reason', () => {
  const engine = { kind: 'embedded', state: 'ready', sandbox: false, sandboxReason: 'bwrap is not installed' } as const
  const named = findings({ ...WELL, engine: { ...engine, forwarded: { python: true, r: true } } })[0]!
  assert.match(named.message, /Python and R .*bwrap is not installed.*refused/)
  assert.is(
    findings({ ...WELL, engine: { ...engine, forwarded: { python: false, r: false } } })[0]!.severity,
    'warning',
  )
  const unused = { missing: { r: 'Rscript is not installed' }, forwarded: { python: true, r: false } }
  assert.is(findings({ ...WELL, engine: { ...engine, sandbox: true, ...unused } })[0]!.code, 'OK')
})

test('an island that does not exchange its catalog says so, and waits for nothing', () => {
  const off = { ...WELL, recovering: true, catalogOff: true }
  assert.equal(
    findings(off).map((f) => [f.code, f.severity]),
    [['CATALOG_OFF', 'ok']],
  )
  assert.equal(
    findings({ ...off, members: 1, connected: 0 }).map((f) => f.code),
    ['ALONE'],
  )
})

test('the most serious comes first', () => {
  const all = findings({ ...WELL, connected: 0, staleDatasets: ['a'] })
  assert.is(all[0]!.severity, 'error')
})

test.run()
