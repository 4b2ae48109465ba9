import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { catalog } from '../../src/node/catalog/catalog.ts'
import { readKeyFile } from '../../src/node/identity/keys.ts'
import { readMembership } from '../../src/node/identity/membership-file.ts'
import { openStore } from '../../src/node/store/store.ts'
import { signerFromSeed } from '../../src/protocols/record/keys.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { entry } from '../search/kit.ts'
import { Fleet, type FleetIsland } from './fleet.ts'

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const NGC = fileURLToPath(new URL('../../examples/data/openngc.csv', import.meta.url))
const LONG = { timeoutMs: 240_000 }

const test = suite('islands in processes of their own')

async function five(fleet: Fleet, set: string[] = []): Promise<FleetIsland[]> {
  const first = await fleet.found('one', { set })
  const others = []
  for (const name of ['two', 'three', 'four', 'five']) others.push(await fleet.join(name, first, { set }))
  return [first, ...others]
}

async function publishSmall(fleet: Fleet, island: FleetIsland, name: string): Promise<void> {
  const path = join(island.files, `${name}.csv`)
  await writeFile(path, `a,b\n1,${randomBytes(4).toString('hex')}\n`)
  await fleet.run(island, ['publish', path, '--name', name])
}

test(
  'five islands know each other’s data, answer questions, and survive kills, restarts, a lost store and the loss of the one all joined through',
  async (t) => {
    const fleet = await Fleet.create(t)
    const islands = await five(fleet)
    const [one, two, three, four, last] = islands as [FleetIsland, FleetIsland, FleetIsland, FleetIsland, FleetIsland]
    await fleet.run(two, ['publish', STARS, '--title', 'Bright stars', '--keyword', 'stars'])
    await fleet.run(three, ['publish', NGC, '--name', 'openngc', '--title', 'NGC', '--id', 'doi:10.1234/NGC'])
    await fleet.converged(islands, { datasets: 2 })
    const answer = await last.client().sql({ sql: 'SELECT count(*) AS n FROM bright_stars' })
    assert.equal(Number(answer.result.rows[0]![0]), 9096)
    assert.is(answer.ranAt?.name, 'two')

    // Killed while it publishes and brought back: nothing acknowledged is lost.
    await publishSmall(fleet, four, 'kept')
    await fleet.stop(four, 'SIGKILL')
    await publishSmall(fleet, two, 'while_away')
    await fleet.up(four)
    await fleet.converged(islands)
    const kept = await four.client().datasets({ text: 'kept' })
    assert.is(kept.total, 1)
    assert.is((await four.client().datasets({ text: 'while_away' })).total, 1)

    // A wiped store, the same key: it takes its own records back from the others.
    await fleet.stop(four)
    await rm(join(four.dataDir, 'store'), { recursive: true })
    await rm(join(four.dataDir, 'search.db'), { force: true })
    await fleet.up(four)
    await fleet.converged(islands)
    const after = await one.client().datasets({ text: 'kept' })
    assert.is(after.total, 1, 'the record of the island whose store was lost is still there')
    assert.ok((await fleet.status(four)).catalog.epoch > 1, 'a new epoch was opened')
    assert.equal((await fleet.status(one)).catalog.quarantined, [])
    // Its files are not known any more, and nobody is told otherwise; publishing again mends it.
    await eventually(async () => (await one.client().dataset('kept')).holders[0]?.state === 'failed', {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    assert.ok((await fleet.status(four)).findings.some((f) => f.code === 'NOT_HELD'))
    await fleet.run(four, ['publish', join(four.files, 'kept.csv'), '--name', 'kept'])
    await eventually(async () => (await one.client().sql({ sql: 'SELECT a FROM kept' })).result.rowCount === 1, {
      timeoutMs: 20_000,
      signal: t.signal,
    })

    // The island that all joined through goes; the others go on, also after a restart.
    await fleet.stop(one)
    await fleet.stop(last)
    await publishSmall(fleet, three, 'without_one')
    await fleet.up(last)
    const rest = [two, three, four, last]
    await fleet.converged(rest)
    assert.is((await last.client().datasets({ text: 'without_one' })).total, 1)
    const again = await last.client().sql({ sql: 'SELECT max("Dec") AS m FROM "https://doi.org/10.1234/ngc"' })
    assert.is(again.ranAt?.name, 'three')
    await fleet.up(one)
    await fleet.converged(islands)
  },
  LONG,
)

test(
  'without gossip everything still arrives, by rounds',
  async (t) => {
    const fleet = await Fleet.create(t)
    const islands = await five(fleet, ['network.gossipEnabled=false'])
    await publishSmall(fleet, islands[1]!, 'quiet')
    await fleet.converged(islands, { datasets: 1 })
    for (const island of islands) assert.is((await island.client().datasets({ text: 'quiet' })).total, 1, island.name)
  },
  LONG,
)

test(
  'a frozen island is noticed, and catches up when it wakes',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    await fleet.converged([one, two])
    process.kill(-two.process!.pid!, 'SIGSTOP')
    await publishSmall(fleet, one, 'meanwhile')
    await eventually(async () => (await fleet.views(one)).find((v) => v.name === 'two')?.connected === 'no', {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    process.kill(-two.process!.pid!, 'SIGCONT')
    await fleet.converged([one, two], { timeoutMs: 60_000 })
  },
  LONG,
)

test(
  'islands that only dial out reach each other through a member, and are asked through it',
  async (t) => {
    const fleet = await Fleet.create(t)
    const hub = await fleet.found('hub')
    const left = await fleet.join('left', hub, { listen: 'none' })
    const right = await fleet.join('right', hub, { listen: 'none' })
    await fleet.run(left, ['publish', STARS])
    await fleet.converged([hub, left, right], { datasets: 1 })
    const answer = await eventually(async () => right.client().sql({ sql: 'SELECT count(*) AS n FROM bright_stars' }), {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    assert.is(answer.ranAt?.name, 'left')
    const seen = (await fleet.views(right)).find((v) => v.name === 'left')
    assert.is(seen?.connected, 'relayed')
  },
  LONG,
)

test(
  'a revoked island hears nothing more, at any island',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    const bad = await fleet.join('bad', one)
    await publishSmall(fleet, bad, 'soon_gone')
    await fleet.converged([one, two, bad], { datasets: 1 })
    await fleet.run(one, ['revoke', 'bad', '--yes'])
    await eventually(async () => (await two.client().islands()).items.every((v) => v.name !== 'bad'), {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    await fleet.converged([one, two])
    await eventually(async () => (await two.client().datasets({ text: 'soon_gone' })).total === 0, {
      timeoutMs: 10_000,
      signal: t.signal,
    })
    await publishSmall(fleet, one, 'secret')
    await fleet.converged([one, two])
    await eventually(async () => (await bad.client().status()).peers.connected === 0, {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    assert.is((await bad.client().datasets({ text: 'secret' })).total, 0)
    await eventually(async () => (await bad.client().status()).findings.some((f) => f.code === 'MEMBER_REVOKED'), {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    await rejects(bad.client().sql({ sql: 'SELECT 1 FROM secret' }), 'DATASET_NOT_FOUND')
    // It can clear away what is left of the membership by itself.
    await fleet.run(bad, ['leave', '--yes'])
    await eventually(() => bad.process?.exitCode === 0, { timeoutMs: 20_000, signal: t.signal })
    bad.process = undefined
  },
  LONG,
)

test(
  'an island that leaves takes its records with it, and those it invited stay',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one, {}, ['--may-invite'])
    const three = await fleet.join('three', two)
    await publishSmall(fleet, two, 'mine')
    await fleet.converged([one, two, three], { datasets: 1 })
    await fleet.run(two, ['leave', '--yes'])
    await eventually(
      async () => {
        for (const island of [one, three]) {
          const names = (await island.client().islands()).items.map((v) => v.name).sort()
          assert.equal(names, ['one', 'three'], island.name)
          assert.is((await island.client().datasets({ text: 'mine' })).total, 0)
        }
      },
      { timeoutMs: 20_000, signal: t.signal },
    )
    await publishSmall(fleet, three, 'still')
    await fleet.converged([one, three])
    assert.is((await one.client().datasets({ text: 'still' })).total, 1)

    // It stopped by itself, its files are put aside, and it may come back as a new island.
    await eventually(() => two.process?.exitCode === 0, { timeoutMs: 20_000, signal: t.signal })
    two.process = undefined
    await fleet.run(two, ['join', await fleet.invite(one), '--no-up', '--name', 'two'])
    await fleet.up(two)
    await fleet.converged([one, two, three])
    assert.is((await one.client().islands()).items.length, 3)
  },
  LONG,
)

test(
  'tickets say what is wrong with them',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const code = async (ticket: string, name: string): Promise<string> => {
      const dataDir = join(await t.tmpdir(), name)
      const error = await fleet
        .run(
          {
            name,
            dataDir,
            files: dataDir,
            options: {},
            port: 0,
            process: undefined,
            log: () => '',
            client: one.client,
          },
          ['join', ticket, '--no-up', '--name', name],
        )
        .then(
          () => undefined,
          (e: { stderr: string; exit: number }) => e,
        )
      if (error === undefined) return 'joined'
      assert.ok(error.exit !== 0, 'a failure has an exit code')
      return (
        (JSON.parse(error.stderr.trim().split('\n').at(-1)!) as { error?: { code: string }; code?: string }).error
          ?.code ?? (JSON.parse(error.stderr.trim().split('\n').at(-1)!) as { code: string }).code
      )
    }
    const ticket = await fleet.invite(one)
    assert.is(
      await code(`${ticket.slice(0, 60)}${ticket[60] === 'A' ? 'B' : 'A'}${ticket.slice(61)}`, 'altered'),
      'TICKET_INVALID',
    )
    assert.is(await code(ticket.slice(0, -20), 'cut'), 'TICKET_INVALID')
    const both = await Promise.all([code(ticket, 'first'), code(ticket, 'second')])
    assert.equal(both.sort(), ['TICKET_USED', 'joined'], 'of two at the same moment one wins')
    assert.is(await code(ticket, 'third'), 'TICKET_USED')
    const short = await one.client().invite({ local: true, expiresMs: 1000 })
    await eventually(() => Date.parse(short.expires) < Date.now(), { timeoutMs: 5_000, signal: t.signal })
    assert.is(await code(short.ticket, 'late'), 'TICKET_EXPIRED')
    const withdrawn = await one.client().invite({ local: true })
    await one.client().revoke({ ticket: withdrawn.id })
    assert.is(await code(withdrawn.ticket, 'withdrawn'), 'TICKET_REVOKED')
    await rejects(one.client().invite({}), 'NOT_REACHABLE')
    await fleet.stop(one)
    assert.is(await code(await Promise.resolve(short.ticket), 'nobody'), 'TICKET_EXPIRED')
  },
  LONG,
)

test(
  'a data directory serves one process',
  async (t) => {
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const error = await fleet.run(one, ['up', '--listen', 'none', '--web-port', '0']).then(
      () => undefined,
      (e: { stderr: string; exit: number }) => e,
    )
    assert.match(error?.stderr ?? '', /DATA_DIR_LOCKED/)
    assert.is((await fleet.status(one)).name, 'one')
    assert.is(await fleet.stop(one, 'SIGINT'), 0, 'a clean stop')

    // Without its key, or with another's, it does not start: what it would write nobody could believe.
    const key = join(one.dataDir, 'island.key')
    const start = () =>
      fleet.run(one, ['up', '--listen', 'none', '--web-port', '0']).then(
        () => '',
        (e: { stderr: string }) => e.stderr,
      )
    await rename(key, `${key}.away`)
    assert.match(await start(), /DATA_DIR_BROKEN.*island\.key is missing/)
    const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
    await writeFile(key, pem, { mode: 0o600 })
    assert.match(await start(), /DATA_DIR_BROKEN.*not the key of this island/)
    await rename(`${key}.away`, key)
    await fleet.up(one)
    const wrong = `archipel-recovery-${'ab'.repeat(32)}`
    const { ticket } = await one.client().invite({ local: true })
    await rejects(one.client().revoke({ ticket, recoveryKey: wrong }), 'NOT_ADMIN')
    await rejects(one.client().revoke({ ticket: 'nosuch' }), 'TICKET_UNKNOWN')
    await rejects(one.client().pardon({ island: 'one' }), 'NOT_FOUND')
  },
  LONG,
)

test(
  'a second island with a copy of the key is found out: its two histories are quarantined, not believed',
  async (t) => {
    const fleet = await Fleet.create(t)
    const hub = await fleet.found('hub')
    const twin = await fleet.join('twin', hub)
    await publishSmall(fleet, twin, 'before')
    await fleet.converged([hub, twin], { datasets: 1 })
    await fleet.stop(twin)
    const copy = await fleet.copyOf(twin, 'copy')
    // Each writes after the common past, and shows it to the hub.
    await fleet.up(twin)
    await publishSmall(fleet, twin, 'by_twin')
    await eventually(async () => (await hub.client().datasets({ text: 'by_twin' })).total === 1, {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    await fleet.up(copy)
    await publishSmall(fleet, copy, 'by_copy')
    await publishSmall(fleet, twin, 'by_twin_again')
    const noticed = async () => {
      const all = await Promise.all([hub, twin, copy].map((i) => fleet.status(i)))
      if (all[0]!.catalog.quarantined.length > 0) return
      if (all.some((s) => s.findings.some((f) => f.code === 'FORKED' || f.code === 'KEY_IN_USE'))) return
      throw new Error(
        all
          .map(
            (s) =>
              `${s.name}: ${JSON.stringify({ ...s.catalog, peers: s.peers, findings: s.findings.map((f) => f.code) })}`,
          )
          .join('\n'),
      )
    }
    await eventually(noticed, { timeoutMs: 60_000, signal: t.signal })
    assert.is((await hub.client().sql({ sql: 'SELECT 1 AS one' })).result.rowCount, 1, 'the hub goes on')
  },
  LONG,
)

test(
  'an island whose machine was brought back twice has two histories: quarantined everywhere, and believed again after a pardon',
  async (t) => {
    const fleet = await Fleet.create(t)
    const hub = await fleet.found('hub')
    const third = await fleet.join('third', hub)
    const twin = await fleet.join('twin', hub)
    await publishSmall(fleet, twin, 'before')
    await fleet.converged([hub, third, twin], { datasets: 1 })
    await fleet.stop(twin)
    const copy = await fleet.copyOf(twin, 'copy')
    Object.assign(copy, { name: twin.name, port: twin.port })
    // What a snapshot of a running machine does that is resumed twice: one life of the process goes on in two ways.
    const life = { now: Date.now(), random: 0.5 }
    await writeInLife(twin.dataDir, life, 'left_way')
    await writeInLife(copy.dataDir, life, 'right_way')

    await fleet.up(twin)
    const { id } = await fleet.status(twin)
    await eventually(async () => (await third.client().datasets({ text: 'left_way' })).total === 1, {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    await fleet.stop(twin)
    await fleet.up(copy)
    for (const island of [hub, third])
      await eventually(
        async () => {
          const status = await fleet.status(island)
          assert.equal(status.catalog.quarantined, [id], island.name)
          assert.ok(status.findings.some((f) => f.code === 'QUARANTINE' && f.remedy.includes('pardon')))
          assert.ok((await fleet.views(island)).find((v) => v.id === id)?.quarantined, island.name)
        },
        { timeoutMs: 60_000, signal: t.signal },
      )
    await eventually(async () => (await fleet.status(copy)).findings.some((f) => f.code === 'FORKED'), {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    assert.is((await hub.client().datasets({ text: 'before' })).total, 1, 'what it published before is still shown')

    // The second one is stopped for good; the first one comes back, and is not believed until an administrator says so.
    await fleet.stop(copy)
    await fleet.up(twin)
    await eventually(async () => (await fleet.status(twin)).findings.some((f) => f.code === 'FORKED'), {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    await rejects(third.client().pardon({ island: 'twin' }), 'NOT_ADMIN')
    const told = JSON.parse(await fleet.run(hub, ['pardon', 'twin', '--yes'])) as { pardoned: string; epoch: number }
    assert.is(told.pardoned, id)
    await publishSmall(fleet, twin, 'after')
    await fleet.converged([hub, third, twin], { datasets: 3, timeoutMs: 60_000 })
    for (const island of [hub, third, twin]) {
      const status = await fleet.status(island)
      assert.equal(status.catalog.quarantined, [], island.name)
      assert.not.ok(
        status.findings.some((f) => ['FORKED', 'QUARANTINE', 'KEY_IN_USE'].includes(f.code)),
        island.name,
      )
      assert.is((await island.client().datasets({ text: 'after' })).total, 1, island.name)
    }
    assert.ok((await fleet.status(twin)).catalog.epoch >= told.epoch)
    await rejects(hub.client().pardon({ island: 'twin' }), 'NOT_FOUND')

    // The pardon outlives a restart, and binds an island that joins later.
    await fleet.stop(third, 'SIGKILL')
    await fleet.up(third)
    const late = await fleet.join('late', hub)
    await fleet.converged([hub, third, twin, late], { datasets: 3, timeoutMs: 60_000 })
    assert.equal((await fleet.status(late)).catalog.quarantined, [])
  },
  { timeoutMs: 300_000 },
)

/** One dataset in the log of a stopped island, in a life of the process that is given. */
async function writeInLife(dataDir: string, life: { now: number; random: number }, name: string): Promise<void> {
  const membership = (await readMembership(dataDir))!
  const key = (await readKeyFile(join(dataDir, 'island.key')))!
  const store = await openStore({ directory: join(dataDir, 'store') })
  const clock = {
    now: () => life.now,
    after: (ms: number, fn: () => void) => {
      const timer = setTimeout(fn, ms)
      return () => clearTimeout(timer)
    },
  }
  const { archipelago, island } = membership
  const port = catalog(
    { archipelagoId: archipelago.id, genesis: archipelago.genesis, self: island.id },
    { store: store.logs, signer: signerFromSeed(key.seed), clock, random: () => life.random },
  )
  await port.start()
  await port.append('dataset', `archipel:${island.id}/${name}`, { ...entry(name).body })
  await port.stop()
  await store.close()
}

test.run()
