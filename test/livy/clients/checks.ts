/** What has to come of each client, wherever it connects to. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { TestContext } from '../../kit/index.ts'
import { like } from '../cases/table.ts'
import { type Address, runClient } from './run.ts'

/** The batches. `stars.py` counts the file that it is given, or the dataset that its batch is bound to. */
export const PROGRAM = {
  'stars.py': `import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
path = sys.argv[1] if sys.argv[1] != "-" else spark.conf.get("spark.archipel.datasets.bright_stars.path")
print("stars", spark.read.option("header", True).csv(path).count())
`,
  'broken.py': 'raise RuntimeError("it is broken")\n',
}

type Conf = Record<string, string>

/** With a conf that names data a client sees them by name, else it reads the file. */
const isBound = (conf: Conf) => Object.keys(conf).length > 0

/** A notebook of these cells, all with code. */
export const notebookOf = (sources: string[]) => ({
  cells: sources.map((source, i) => ({
    cell_type: 'code',
    id: `c${i}`,
    metadata: {},
    outputs: [],
    execution_count: null,
    source,
  })),
  metadata: {},
  nbformat: 4,
  nbformat_minor: 5,
})

/** The outputs of the cells that have code. */
export async function notebook(t: TestContext, at: Address, file: string) {
  return (await runClient(t, 'notebook', 'notebook.py', at, [file])) as { id: string; text: string; html: boolean }[]
}

export async function pylivy(t: TestContext, at: Address, files: string, conf: Conf): Promise<void> {
  const source = isBound(conf)
    ? 'import archipel\nstars = archipel.df("bright_stars")'
    : `stars = spark.read.option("header", True).csv("file:${files}/bright_stars.csv")`
  const code = `${source}\nshown = stars.selectExpr("count(*) AS stars", "max(hr) IS NOT NULL AS good")`
  const given = { conf, code, ...batch(files, conf) }
  const came = (await runClient(t, 'notebook', 'pylivy.py', at, [JSON.stringify(given)])) as Record<string, unknown>
  const { log, ...plain } = came
  like(
    plain,
    {
      version: /\d+\.\d+\.\d+/,
      sum: '3',
      rows: [{ stars: 9096, good: true }],
      error: ['ZeroDivisionError', 'division by zero'],
      listed: true,
      statements: ['available', 'available', 'available', 'available'],
      gone: true,
      batch: 'success',
    },
    'what came',
  )
  assert.ok((log as string[]).includes('stars 9096'), JSON.stringify(log))
}

interface AirflowCame {
  state: string
  operator: [number, boolean]
  deferred: number
  lines: string[]
  logs: Record<string, string[]>
}

export async function airflow(
  t: TestContext,
  at: Address,
  files: string,
  conf: Conf,
  numbers: Record<string, number | string>,
): Promise<void> {
  const given = { conf, numbers, ...batch(files, conf), bad: join(files, 'broken.py') }
  const came = (await runClient(t, 'airflow', 'airflow_livy.py', at, [JSON.stringify(given)])) as AirflowCame
  assert.ok(['not_started', 'starting', 'running', 'success'].includes(came.state), came.state)
  like(
    came,
    {
      hook: 'success',
      deleted: { msg: 'deleted' },
      operator: [came.operator[0], true],
      pushed: ['app_id'],
      failed: /^Batch \d+ did not succeed$/,
    },
    'what came',
  )
  for (const id of [came.operator[0], came.deferred]) assert.ok(Number.isInteger(id), `the id ${id}`)
  assert.ok(came.lines.includes('stars 9096'), JSON.stringify(came.lines))
  // It reads the first hundred lines only.
  assert.is(came.logs.deferred?.[0], 'stdout: ', 'the trigger has read the log')
}

const batch = (files: string, conf: Conf) => ({
  file: `file:${join(files, 'stars.py')}`,
  args: [isBound(conf) ? '-' : `file:${join(files, 'bright_stars.csv')}`],
})
