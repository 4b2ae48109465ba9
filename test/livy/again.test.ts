import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { SubmitRequest, TaskView } from '../../src/protocols/model/views.ts'
import { eventually, suite } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'
import { type LivyIslands, livyIslands } from './gateway.ts'

const test = suite('tasks on Spark whose island is killed, and stopped')
let livy: TestLivy
let world: LivyIslands
let files: string

test.before(
  async (t) => {
    files = await t.tmpdir()
    livy = await startLivy(t, { dataDirs: [files] })
    world = await livyIslands(t, livy, [`livy.staging=${join(files, 'staging')}`])
    const { asker, site } = world
    const known = async () =>
      (await asker.client().islands()).items.some(
        ({ name, card }) => name === site.name && card?.engines.some(({ kind }) => kind === 'livy') === true,
      )
    await eventually(known, { timeoutMs: 60_000, signal: t.signal })
  },
  { timeoutMs: LIVY_START_MS },
)

const linesOf = async (name: string) =>
  (await readFile(join(files, name), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')

/** Says in a file that it runs, takes its time, and prints before and after. */
const program = (name: string) => `import os, time
print("one of ${name}", flush=True)
with open(${JSON.stringify(join(files, name))}, "a") as f: print("ran", file=f)
time.sleep(20)
print("two of ${name}", flush=True)
`

test(
  'kill -9 and an ordered stop of the island while a batch and a snippet run: both are found again, and neither begins a second time',
  async (t) => {
    const { fleet, asker, site } = world
    const { tasks } = asker.client()
    const common = { kind: 'python', on: 'site', leaseMs: 120_000 } as const
    const requests: Record<string, SubmitRequest> = {
      batch: { ...common, code: program('batch'), batch: { args: [] } },
      once: { ...common, code: program('once'), engine: 'livy', atMostOnce: true },
    }
    const ids = new Map<string, string>()
    for (const [name, request] of Object.entries(requests)) ids.set(name, (await tasks.submit(request)).id)
    const begun = async () => {
      const lines = await Promise.all([...ids.keys()].map(linesOf))
      return lines.every(({ length }) => length === 1)
    }
    await eventually(begun, { timeoutMs: 120_000, signal: t.signal })
    await fleet.stop(site, 'SIGKILL')
    await fleet.up(site)
    await fleet.stop(site)
    assert.ok(livy.drivers().length > 0, 'what runs at Spark goes on while its island is stopped')
    await fleet.up(site)
    for (const [name, id] of ids) {
      const view = await eventually(
        async (): Promise<TaskView> => {
          const now = await tasks.show(id)
          if (!['succeeded', 'failed', 'cancelled'].includes(now.state)) throw new Error(`${name}: ${now.state}`)
          return now
        },
        { timeoutMs: 120_000, intervalMs: 200, signal: t.signal },
      )
      const { text } = await tasks.log(id, { offset: 0, limit: 1_000_000 })
      assert.is(view.state, 'succeeded', `${name}: ${JSON.stringify(view.error)}\n${text}`)
      assert.equal(await linesOf(name), ['ran'])
      for (const line of [`one of ${name}`, `two of ${name}`]) assert.is(text.split(line).length, 2, text)
      assert.not.match(text, /begins again/)
    }
    await eventually(() => livy.drivers().length === 0, { timeoutMs: 60_000, signal: t.signal })
  },
  { timeoutMs: 590_000 },
)

test.run()
