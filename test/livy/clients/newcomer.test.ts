/** An island without Spark, of which a newcomer asks with sparkmagic what its data say. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../../kit/index.ts'
import { Fleet } from '../../network/fleet.ts'
import { like } from '../cases/table.ts'
import { notebook, notebookOf } from './checks.ts'
import { INSTALL_MS } from './venv.ts'

const test = suite('clients of other people, at an island without Spark')
const STARS = fileURLToPath(new URL('../../../examples/data/bright_stars.csv', import.meta.url))

const CELLS = [
  '%%configure -f\n{"conf": {"spark.archipel.datasets": "bright_stars"}}',
  'stars = spark.table("bright_stars")\nprint("rows")\nstars.count()',
  '%%sql -o bright\nSELECT name, vmag FROM bright_stars WHERE name IS NOT NULL ORDER BY vmag LIMIT 3',
  '%%local\nprint(bright.name[0], len(bright))',
  '%%sql\nSHOW TABLES',
  `%%sql -o odd\nSELECT MAP {'a': 1} AS m, {'x': 1.5::DECIMAL(3,1), 'y': NULL} AS s, [1, NULL] AS l, 2.50::DECIMAL(5,2) AS d, TIMESTAMP '2020-01-02 03:04:05' AS at, 3::DOUBLE AS f`,
  '%%local\nimport json\nprint(json.dumps(odd.to_dict("records"), default=str))',
]

test(
  'sparkmagic runs a notebook with SQL in plain Python',
  async (t) => {
    const fleet = await Fleet.create(t)
    const island = await fleet.found('alone')
    await fleet.run(island, ['publish', STARS])
    const { url } = JSON.parse(await readFile(join(island.dataDir, 'daemon.json'), 'utf8')) as { url: string }
    const password = (await readFile(join(island.dataDir, 'owner.token'), 'utf8')).trim()
    const file = join(await t.tmpdir(), 'newcomer.ipynb')
    await writeFile(file, JSON.stringify(notebookOf(CELLS)))
    const at = { url: `${url.replace(/\/$/, '')}/livy`, login: { user: 'newcomer', password } }
    const [, rows, , local, tables, , odd] = await notebook(t, at, file)
    like(rows?.text, /SparkSession available as 'spark'/, 'the session')
    like(rows?.text, /rows\n9096/, 'the statement')
    assert.is(local?.text, 'Sirius 3\n')
    const [row] = JSON.parse(odd!.text) as Record<string, unknown>[]
    assert.equal(
      { ...row, at: undefined },
      { m: { a: 1 }, s: { x: 1.5, y: null }, l: [1, null], d: 2.5, at: undefined, f: 3 },
    )
    like(row!.at, /^2020-01-02.03:04:05/, 'a time')
    like(tables?.text, /bright_stars/, 'the list of data')
  },
  { timeoutMs: INSTALL_MS },
)

test.run()
