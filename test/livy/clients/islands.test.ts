/** Each client connects to an island without Spark; the data, and the Spark, are at another one. */
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivySession } from '../../../src/protocols/livy/objects.ts'
import { createClient } from '../../../src/web/client/node.ts'
import { eventually, suite } from '../../kit/index.ts'
import { LIVY_START_MS, startLivy } from '../../kit/livy.ts'
import { islandsWithLivy } from '../islands.ts'
import { airflow, notebook, PROGRAM, pylivy } from './checks.ts'
import type { Address } from './run.ts'
import { INSTALL_MS } from './venv.ts'

const test = suite('clients of other people, at an island whose peer has the data and the Spark')
const long = { timeoutMs: INSTALL_MS }
const ROOT = join(import.meta.dirname, '../../..')
const BOUND = { 'spark.archipel.datasets': 'bright_stars' }
let at: Address
let files: string

test.before(
  async (t) => {
    files = await t.tmpdir()
    for (const [name, text] of Object.entries(PROGRAM)) await writeFile(join(files, name), text)
    const data = join(files, 'bright_stars.csv')
    await copyFile(join(ROOT, 'examples/data/bright_stars.csv'), data)
    const livy = await startLivy(t, { dataDirs: [files] })
    const { asker, holder } = await islandsWithLivy(t, livy.url)
    const there = createClient({ url: holder.url!, token: holder.token })
    t.cleanup(() => there.close())
    await there.publish({ path: data, title: 'Yale Bright Star Catalogue' })
    const here = createClient({ url: asker.url!, token: asker.token })
    t.cleanup(() => here.close())
    await eventually(async () => assert.is((await here.datasets({})).items.length, 1), { timeoutMs: 60_000 })
    // What a user of the island has, not its owner.
    const { token } = await here.tokens.create({ name: 'clients', scopes: ['run'] })
    at = { url: asker.livyUrl, login: { user: 'anybody', password: token } }
  },
  { timeoutMs: LIVY_START_MS },
)

test(
  'where a session runs, and whose it is, stands in its view',
  async () => {
    const headers = { authorization: `Basic ${Buffer.from(`x:${at.login!.password}`).toString('base64')}` }
    const call = async (method: string, path: string, body?: object) => {
      const response = await fetch(at.url + path, { method, headers, body: body && JSON.stringify(body) })
      return (await response.json()) as LivySession
    }
    const { id, owner, appInfo } = await call('POST', '/sessions', { kind: 'pyspark', conf: BOUND })
    assert.equal([owner, appInfo.archipelIsland, appInfo.archipelEngine], ['clients', 'holder', 'livy'])
    await call('DELETE', `/sessions/${id}`)
  },
  long,
)

test(
  'sparkmagic runs the notebook of the examples, as it stands',
  async (t) => {
    const cells = await notebook(t, at, join(ROOT, 'examples/livy/bright-stars.ipynb'))
    const text = (id: string) => cells.find((cell) => cell.id === id)!.text
    const all = JSON.stringify(cells)
    assert.match(text('cell-6'), /721 of 9096 stars are hotter than 20,000 K/, all)
    assert.match(text('cell-8'), /^[A-Z][a-zA-Z]{2} +\d+ +-?\d+\.\d+$/m, all)
  },
  long,
)

test('pylivy has a session and a batch', (t) => pylivy(t, at, files, BOUND), long)

// Livy itself refuses numbers as text; Airflow's templates make them.
test("Airflow's hook, operator and trigger", (t) => airflow(t, at, files, BOUND, { driver_cores: '1' }), long)

test.run()
