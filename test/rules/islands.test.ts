/** Islands in one process that obey rules: copies come, count, are replaced, and do not wander. */
import * as assert from 'uvu/assert'
import { settled as converged, found, type Home, joined } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, writeFiles } from '../replicas/kit.ts'

const test = suite('rules: islands that obey them')

/** Long windows: a claim that comes late on a busy machine is no reason for another copy. */
const OBEY = { 'rules.accept': ['members'], 'rules.claimMs': 20_000 }

async function archipelago(t: TestContext, settings: Record<string, unknown>[]): Promise<Home[]> {
  const [first, ...others] = settings
  const homes = [await found(t, 'a', first)]
  for (const [i, more] of others.entries()) homes.push(await joined(t, homes[0]!, 'bcdefg'[i]!, more))
  await converged(t, homes)
  return homes
}

/** Again under the same name it is a new version. */
async function publish(home: Home, name: string, size = 5000): Promise<string> {
  const path = await writeFiles(`${home.dataDir}-${name}`, { 'x.bin': bytes(size), 'y.bin': bytes(100) })
  return (await home.port.publish({ path, name, as: 'files' })).id
}

/** Names of those that have all of it, by the catalog of an island. */
async function holders(home: Home, id: string): Promise<string[]> {
  const view = await home.port.dataset(id)
  const whole = view.holders.filter((h) => h.state === 'available' && h.version === view.body.version)
  return whole.map((h) => h.name).sort()
}

async function copies(t: TestContext, homes: Home[], id: string, count: number): Promise<string[]> {
  return await eventually(
    async () => {
      const all = await Promise.all(homes.map((home) => holders(home, id)))
      for (const names of all) if (names.length !== count) throw new Error(`${names}`)
      return all[0]!
    },
    { timeoutMs: 40_000, intervalMs: 100, signal: t.signal },
  )
}

test('copies come, also of what is published later; new versions follow; a rule that goes takes nothing away', async (t) => {
  const homes = await archipelago(t, [OBEY, OBEY, OBEY, OBEY])
  const [a, b] = homes as [Home, Home, Home, Home]
  const early = await publish(a, 'early')
  await converged(t, homes)
  const dry = await b.port.rules.add({ select: {}, copies: 2, dryRun: true })
  assert.equal([dry.rule.selected.datasets, dry.rule.missing.copies, dry.rule.islands], [1, 1, 4])
  assert.is((await b.port.rules.list()).total, 0, 'a dry run adds nothing')
  const expected = dry.datasets[0]!.islands.filter(({ role }) => role === 'next')
  assert.is(expected.length, 1)

  const { rule } = await b.port.rules.add({ select: { text: 'early' }, copies: 2 })
  const shared = await a.port.rules.add({ select: {}, copies: 2 })
  const first = await copies(t, homes, early, 2)
  assert.ok(first.includes('a'), 'that of the publisher counts')
  const late = await publish(b, 'late')
  assert.ok((await copies(t, homes, late, 2)).includes('b'))
  await rejects(a.port.rules.remove(rule.id), 'FORBIDDEN')
  await rejects(b.port.rules.add({ select: { text: 'early' }, copies: 3 }), 'RULE_EXISTS')

  await publish(a, 'early')
  assert.equal(await copies(t, homes, early, 2), first, 'who had the earlier version brings the new one')

  const explained = await b.port.rules.explain(rule.id)
  assert.equal(
    explained.datasets[0]!.islands.filter(({ role }) => role === 'holds')
      .map(({ name }) => name)
      .sort(),
    first,
  )
  assert.equal((await a.port.rules.show(shared.rule.id)).missing.copies, 0)
  await b.port.rules.remove(rule.id)
  await a.port.rules.remove(shared.rule.id)
  await converged(t, homes)
  await rejects(a.port.rules.show(rule.id), 'RULE_NOT_FOUND')
  assert.equal(await holders(a, early), first)
  const { items } = await b.port.journal({ limit: 1000 })
  assert.ok(items.some(({ action, outcome }) => action === 'rule:add' && outcome === 'ok'))
})

test('a rule is obeyed by those only who accept it, and is refused with the reason where it cannot be', async (t) => {
  const homes = await archipelago(t, [
    { 'place.country': 'DE' },
    { 'place.country': 'FR' },
    { ...OBEY, 'place.country': 'DE', labels: ['tape'] },
  ])
  const [a, b] = homes as [Home, Home, Home]
  const id = await publish(a, 'data')
  await converged(t, homes)
  const asked = (more: object) => a.port.rules.add({ select: {}, copies: 1, ...more })
  await rejects(asked({ copies: 3 }), 'RULE_IMPOSSIBLE')
  await rejects(asked({ copies: 2, spread: 'country' }), 'RULE_IMPOSSIBLE')
  await rejects(asked({ copies: 1, spread: 'site' }), 'RULE_IMPOSSIBLE')
  await rejects(asked({ sites: "label = 'disk'" }), 'RULE_IMPOSSIBLE')
  await rejects(asked({ sites: "label = 'disk' and" }), 'BAD_INPUT')
  await rejects(asked({ select: { island: 'nobody' } }), 'NOT_FOUND')
  const { rule, islands } = await asked({ copies: 2, sites: "country = 'DE' or label = 'tape'" })
  assert.equal(
    islands.filter(({ excluded }) => excluded === undefined).map(({ name }) => name),
    ['a', 'c'],
  )
  assert.equal(await copies(t, homes, id, 2), ['a', 'c'])
  await eventually(async () => assert.is((await b.port.rules.show(rule.id)).missing.copies, 0), { signal: t.signal })
})

test('who cannot bring a copy is passed over, and who is lost is replaced', async (t) => {
  const short = { ...OBEY, 'rules.claimMs': 2000, 'rules.lostMs': 4000 }
  const none = { ...short, 'replicas.quotaBytes': 1024 * 1024 }
  const homes = await archipelago(t, [short, none, short, short])
  const [a, , c, d] = homes as [Home, Home, Home, Home]
  const id = await publish(a, 'big', 2 * 1024 * 1024)
  await converged(t, homes)
  await a.port.rules.add({ select: {}, copies: 2 })
  const until = (what: (names: string[]) => boolean) =>
    eventually(
      async () => {
        const names = await holders(a, id)
        if (!what(names)) throw new Error(names.join(' '))
        return names
      },
      { timeoutMs: 60_000, intervalMs: 100, signal: t.signal },
    )
  const names = await until((all) => all.length >= 2)
  assert.not.ok(names.includes('b'), 'there it has no room')
  const [lost, other] = names.includes('c') ? [c, d] : [d, c]
  await lost.stop()
  await until((all) => all.includes(other.name))
})

test.run()
