import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../../kit/index.ts'
import { LIVY_START_MS, startLivy } from '../../kit/livy.ts'
import { like } from '../cases/table.ts'
import { airflow, notebook, notebookOf, PROGRAM, pylivy } from './checks.ts'
import type { Address } from './run.ts'
import { INSTALL_MS } from './venv.ts'

const test = suite('clients of other people, at a Livy itself')
const long = { timeoutMs: INSTALL_MS }
let at: Address
let files: string

test.before(
  async (t) => {
    files = await t.tmpdir()
    for (const [name, text] of Object.entries(PROGRAM)) await writeFile(join(files, name), text)
    await copyFile(
      join(import.meta.dirname, '../../../examples/data/bright_stars.csv'),
      join(files, 'bright_stars.csv'),
    )
    at = { url: (await startLivy(t, { dataDirs: [files] })).url }
  },
  { timeoutMs: LIVY_START_MS },
)

test(
  'sparkmagic runs a notebook',
  async (t) => {
    const folder = await t.tmpdir()
    await mkdir(folder, { recursive: true })
    const file = join(folder, 'plain.ipynb')
    const sources = [
      `df = spark.read.option("header", True).csv("file:${files}/bright_stars.csv")\ndf.createOrReplaceTempView("bright_stars")`,
      '%%sql -o counted\nSELECT count(*) AS stars FROM bright_stars',
      '%%local\nprint(counted.stars[0])',
    ]
    await writeFile(file, JSON.stringify(notebookOf(sources)))
    const cells = await notebook(t, at, file)
    assert.match(cells[0]!.text, /SparkSession available as 'spark'/)
    like(cells[2]!.text, /^9096\n/, 'the number of stars')
  },
  long,
)

test('pylivy has a session and a batch', (t) => pylivy(t, at, files, {}), long)

test("Airflow's hook, operator and trigger", (t) => airflow(t, at, files, {}, { driver_cores: 1 }), long)

test.run()
