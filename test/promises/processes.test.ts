/** Islands that are processes of their own, and drop: all at once, and while one of them is stopped. */
import { existsSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { toArchipelError } from '../../src/protocols/model/errors.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'
import { bytes, settled } from '../replicas/kit.ts'

const test = suite('promises: processes that drop')

const OBEY = { set: ['rules.accept=members', 'rules.claimMs=60s', 'engine.kind=disabled'] }

/** Whether its whole file is on the disk. */
function has({ dataDir }: FleetIsland): boolean {
  const root = join(dataDir, 'replicas')
  return existsSync(root) && readdirSync(root).some((folder) => existsSync(join(root, folder, 'files', 'x.bin')))
}

test(
  'three that drop at once leave as many as the rule asks for; one that does not answer forbids the next drop until it does',
  async (t) => {
    const fleet = await Fleet.create(t)
    const a = await fleet.found('a', OBEY)
    const others = await Promise.all(['b', 'c', 'd'].map((name) => fleet.join(name, a, OBEY)))
    await writeFile(join(a.files, 'x.bin'), bytes(50_000))
    const { id } = await a.client().publish({ path: a.files, name: 'data', as: 'files' })
    await fleet.converged(fleet.islands, { datasets: 1 })
    await Promise.all(others.map(async (island) => settled(island.client(), (await island.client().get(id)).id, t)))
    const { rule } = await a.client().rules.add({ select: {}, copies: 3 })
    await fleet.converged(fleet.islands)

    const codes = await Promise.all(
      others.map((island) =>
        island
          .client()
          .drop(id)
          .then(
            () => 'ok',
            (cause: unknown) => toArchipelError(cause).code,
          ),
      ),
    )
    const holders = others.filter(has)
    // That of the publisher counts.
    assert.is(holders.length, 2, `three copies have to stay, and one too many was there: ${codes}`)
    assert.equal(
      others.map((island, i) => (codes[i] === 'ok') !== has(island)),
      [true, true, true],
      `who was told that it is dropped has nothing any more, and the others have all: ${codes}`,
    )

    await a.client().rules.remove(rule.id)
    await a.client().rules.add({ select: {}, copies: 2 })
    await fleet.converged(fleet.islands)
    const [one, silent] = holders as [FleetIsland, FleetIsland]
    const pid = silent.process!.pid!
    process.kill(-pid, 'SIGSTOP')
    const error = await rejects(one.client().drop(id), 'PROMISE_MISSING')
    assert.equal((error.details as { unanswered: string[] }).unanswered, [silent.name])
    assert.ok(has(one))
    process.kill(-pid, 'SIGCONT')
    // It may be that only the connection has to be made again.
    await eventually(async () => await one.client().drop(id), { timeoutMs: 30_000, signal: t.signal })
    assert.equal([has(one), has(silent)], [false, true])
  },
  { timeoutMs: 180_000 },
)

test.run()
