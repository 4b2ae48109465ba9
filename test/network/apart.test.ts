import { execFileSync } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { TaskResult } from '../../src/protocols/model/views.ts'
import { eventually, requires, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland, type TestContext } from './fleet.ts'

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const LONG = { timeoutMs: 240_000 }

const test = suite('islands in network namespaces')

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })

function canMakeNamespaces(): boolean {
  const name = `archipel-probe-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'delete', name)
    return true
  } catch {
    return false
  }
}

const needsNamespaces = () =>
  requires('network namespaces', canMakeNamespaces, 'run as root on Linux with iproute2 installed')

/** A hub with a cable to each of the others; no two of the others have a way to each other. */
function star(
  t: TestContext,
  leaves: string[],
): { hub: string; leaf: (name: string) => { netns: string; cable: string; address: string; hubAddress: string } } {
  const tag = `a${process.pid.toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`
  const hub = `${tag}-hub`
  const made: string[] = []
  t.cleanup(() => {
    for (const name of made) ip('netns', 'delete', name)
  })
  const netns = (name: string) => {
    ip('netns', 'add', name)
    made.push(name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  netns(hub)
  for (const [i, leaf] of leaves.entries()) {
    const name = `${tag}-${leaf}`
    netns(name)
    ip('-n', hub, 'link', 'add', `to-${leaf}`, 'type', 'veth', 'peer', 'name', 'to-hub', 'netns', name)
    ip('-n', hub, 'address', 'add', `10.201.${i + 1}.1/24`, 'dev', `to-${leaf}`)
    ip('-n', name, 'address', 'add', `10.201.${i + 1}.2/24`, 'dev', 'to-hub')
    ip('-n', hub, 'link', 'set', `to-${leaf}`, 'up')
    ip('-n', name, 'link', 'set', 'to-hub', 'up')
  }
  return {
    hub,
    leaf: (name) => {
      const i = leaves.indexOf(name) + 1
      return { netns: `${tag}-${name}`, cable: `to-${name}`, address: `10.201.${i}.2`, hubAddress: `10.201.${i}.1` }
    },
  }
}

const listening = (address: string) => ({ listen: `/ip4/${address}/tcp/9410` })

async function publishSmall(fleet: Fleet, island: FleetIsland, name: string): Promise<void> {
  const path = join(island.files, `${name}.csv`)
  await writeFile(path, `a,b\n1,${name}\n`)
  await fleet.run(island, ['publish', path, '--name', name])
}

test(
  'two islands with no way to each other sync and answer a query through a third',
  async (t) => {
    await needsNamespaces()
    const net = star(t, ['left', 'right'])
    const fleet = await Fleet.create(t)
    const left = net.leaf('left')
    const right = net.leaf('right')
    const hub = await fleet.found('hub', {
      netns: net.hub,
      listen: `/ip4/${left.hubAddress}/tcp/9410,/ip4/${right.hubAddress}/tcp/9410`,
    })
    const a = await fleet.join('left', hub, { netns: left.netns, ...listening(left.address) })
    const b = await fleet.join('right', hub, { netns: right.netns, ...listening(right.address) })
    assert.throws(
      () =>
        execFileSync('ip', ['netns', 'exec', left.netns, 'ping', '-c', '1', '-W', '1', right.address], {
          stdio: 'ignore',
        }),
      'there is no way from left to right',
    )
    await fleet.run(a, ['publish', STARS])
    await fleet.converged([hub, a, b], { datasets: 1 })
    const answer = await eventually(
      async () => fleet.json<TaskResult>(b, ['sql', 'SELECT count(*) AS n FROM bright_stars']),
      { timeoutMs: 60_000, signal: t.signal },
    )
    assert.equal(Number(answer.result.rows[0]![0]), 9096)
    assert.is(answer.ranAt?.name, 'left')
    const seen = (await fleet.views(b)).find((v) => v.name === 'left')
    assert.is(seen?.connected, 'relayed')
  },
  LONG,
)

test(
  'an archipelago cut in two works on in both parts, and converges when the cable is back',
  async (t) => {
    await needsNamespaces()
    const net = star(t, ['left', 'right'])
    const fleet = await Fleet.create(t)
    const left = net.leaf('left')
    const right = net.leaf('right')
    const hub = await fleet.found('hub', {
      netns: net.hub,
      listen: `/ip4/${left.hubAddress}/tcp/9410,/ip4/${right.hubAddress}/tcp/9410`,
    })
    const a = await fleet.join('left', hub, { netns: left.netns, ...listening(left.address) })
    const b = await fleet.join('right', hub, { netns: right.netns, ...listening(right.address) })
    await publishSmall(fleet, b, 'before')
    await fleet.converged([hub, a, b], { datasets: 1 })
    ip('-n', net.hub, 'link', 'set', right.cable, 'down')
    await publishSmall(fleet, b, 'right_alone')
    await publishSmall(fleet, a, 'left_side')
    await fleet.converged([hub, a])
    // Offline: its own and everybody's metadata are still there, and its own data answer.
    const datasets = await fleet.json<{ total: number }>(b, ['datasets'])
    assert.is(datasets.total, 2)
    const own = await fleet.json<TaskResult>(b, ['sql', 'SELECT b FROM right_alone'])
    assert.equal(own.result.rows, [['right_alone']])
    await eventually(async () => (await fleet.views(hub)).find((v) => v.name === 'right')?.connected === 'no', {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    ip('-n', net.hub, 'link', 'set', right.cable, 'up')
    await fleet.converged([hub, a, b], { timeoutMs: 90_000 })
    assert.is((await fleet.json<{ total: number }>(a, ['datasets'])).total, 3)
  },
  LONG,
)

test(
  'members on one local network find each other by multicast, without any known address',
  async (t) => {
    await needsNamespaces()
    const net = star(t, ['left'])
    const left = net.leaf('left')
    for (const [netns, dev] of [
      [net.hub, left.cable],
      [left.netns, 'to-hub'],
    ] as const)
      ip('-n', netns, 'route', 'add', '224.0.0.0/4', 'dev', dev)
    const fleet = await Fleet.create(t)
    const set = ['network.mdns=true']
    const hub = await fleet.found('hub', { netns: net.hub, ...listening(left.hubAddress), set })
    const a = await fleet.join('left', hub, { netns: left.netns, ...listening(left.address), set })
    await fleet.converged([hub, a])
    await fleet.stop(a)
    await fleet.stop(hub)
    // Nothing is left by which one could know where the other is.
    for (const island of [a, hub]) {
      const path = join(island.dataDir, 'archipelago.json')
      const file = JSON.parse(await readFile(path, 'utf8')) as { contacts: unknown[] }
      await writeFile(path, JSON.stringify({ ...file, contacts: [] }), { mode: 0o600 })
      await rm(join(island.dataDir, 'store'), { recursive: true })
    }
    await fleet.up(hub)
    await fleet.up(a)
    await eventually(async () => (await fleet.status(a)).peers.connected === 1, { timeoutMs: 60_000, signal: t.signal })
    await fleet.converged([hub, a])
  },
  LONG,
)

test.run()
