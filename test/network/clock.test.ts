/** Islands whose clocks are wrong: they are told so, and nobody loses anything. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually, requires, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland, hasFakeClock } from './fleet.ts'

const test = suite('islands whose clocks are wrong')

async function publish(fleet: Fleet, island: FleetIsland, name: string): Promise<void> {
  const path = join(island.files, `${name}.csv`)
  await writeFile(path, `a,b\n1,2\n`)
  await fleet.run(island, ['publish', path, '--name', name])
}

async function skewOf(fleet: Fleet, island: FleetIsland) {
  return (await fleet.status(island)).findings.find((f) => f.code === 'CLOCK_SKEW')
}

test(
  'an hour ahead and an hour behind are told with what to do, hold nothing up, and are over when the clock is set',
  async (t) => {
    await requires('libfaketime', hasFakeClock, 'apt-get install libfaketime')
    const fleet = await Fleet.create(t)
    const one = await fleet.found('one')
    const two = await fleet.join('two', one)
    const three = await fleet.join('three', one)
    const ahead = await fleet.join('ahead', one, { clock: '+1h' })
    const behind = await fleet.join('behind', one, { clock: '-1h' })
    const right = [one, two, three]
    const wait = { timeoutMs: 60_000, signal: t.signal }

    for (const [island, words] of [
      [ahead, / s ahead of those of its peers/],
      [behind, / s behind those of its peers/],
    ] as const) {
      const told = await eventually(async () => {
        const finding = await skewOf(fleet, island)
        assert.ok(finding, `${island.name} does not know yet`)
        return finding
      }, wait)
      assert.is(told!.severity, 'error')
      assert.match(told!.message, words)
      assert.match(told!.message, /\b3[56]\d\d s /)
      assert.match(told!.remedy, 'NTP')
    }
    for (const island of right) await eventually(async () => (await skewOf(fleet, island)) === undefined, wait)

    // What they publish now is known everywhere, and what others publish is known to them.
    for (const island of [ahead, behind, two]) await publish(fleet, island, `by_${island.name}`)
    await fleet.converged([...right, ahead, behind], { datasets: 3, timeoutMs: 60_000 })

    // Alone, an island knows no better time than its own: what it signs then comes from the future.
    for (const island of [...right, behind, ahead]) await fleet.stop(island)
    await fleet.up(ahead)
    await publish(fleet, ahead, 'from_the_future')
    for (const island of [...right, behind]) await fleet.up(island)
    await fleet.converged([...right, ahead, behind], { datasets: 4, timeoutMs: 60_000 })

    for (const island of [ahead, behind]) {
      await fleet.stop(island)
      delete island.options.clock
      await fleet.up(island)
      await publish(fleet, island, `again_${island.name}`)
    }
    await fleet.converged([...right, ahead, behind], { datasets: 6, timeoutMs: 60_000 })
    for (const island of [...right, ahead, behind])
      await eventually(async () => (await skewOf(fleet, island)) === undefined, wait)
    for (const name of ['by_ahead', 'from_the_future', 'again_ahead', 'again_behind'])
      assert.is((await two.client().datasets({ text: name })).total, 1, name)
  },
  { timeoutMs: 420_000 },
)

test.run()
