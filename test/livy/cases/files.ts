/** Programs that the cases run as batches. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FILES = {
  'good.py': `import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("rows", spark.range(10).count(), sys.argv[1:])
`,
  /** More lines than a Livy keeps. */
  'loud.py': 'for i in range(500):\n    print("line", i)\n',
  'bad.py': 'raise RuntimeError("it is broken")\n',
  'long.py': 'import time\nprint("started", flush=True)\ntime.sleep(600)\n',
  'mod.py': 'WORD = "imported"\n',
  'rows.csv': 'name,value\na,1\nb,2\n',
}

/** Writes them into the folder, which is made. */
export async function writeFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text)
}
