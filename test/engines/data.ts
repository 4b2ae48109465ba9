import { execFile } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import type { BoundDataset } from '../../src/node/engines/port.ts'
import { findTools, which } from '../../src/node/engines/process/tools.ts'
import type { Column } from '../../src/protocols/model/dataset.ts'
import { requires } from '../kit/index.ts'

const source = new URL('../../examples/data/', import.meta.url)
const columns = (text: string): Column[] =>
  text.split(' ').map((pair) => ({ name: pair.split(':')[0]!, type: pair.split(':')[1]! }))

const BRIGHT_STARS = columns(
  'hr:BIGINT ra:DOUBLE dec:DOUBLE vmag:DOUBLE temp_k:BIGINT name:VARCHAR bayer:VARCHAR flamsteed:BIGINT constellation:VARCHAR',
)

const NGC_NAMES =
  'Name;Type;RA;Dec;Const;MajAx;MinAx;PosAng;B-Mag;V-Mag;J-Mag;H-Mag;K-Mag;SurfBr;Hubble;Pax;Pm-RA;Pm-Dec;RadVel;Redshift;' +
  'Cstar U-Mag;Cstar B-Mag;Cstar V-Mag;M;NGC;IC;Cstar Names;Identifiers;Common names;NED notes;OpenNGC notes;Sources'

/** 9,096 stars, comma-separated. */
export async function brightStars(dir: string): Promise<BoundDataset> {
  return bound('archipel:islabcdefghijklmnopqrstuvwxyz234567/bright_stars', 'bright_stars', 'csv', BRIGHT_STARS, [
    await copied(dir, 'bright_stars.csv'),
  ])
}

/** Semicolons, 32 columns, some with spaces and hyphens in their names. */
export async function openNgc(dir: string): Promise<BoundDataset> {
  const all = NGC_NAMES.split(';').map((name) => ({ name, type: 'VARCHAR' }))
  const dataset = bound('doi:10.1234/openngc', 'openngc', 'csv', all, [await copied(dir, 'openngc.csv')])
  return { ...dataset, dialect: { ...dataset.dialect!, delimiter: ';' } }
}

/** Three rows of JSON lines, compressed, in two files. */
export async function eventLines(dir: string): Promise<BoundDataset> {
  const paths = [join(dir, 'a.jsonl.gz'), join(dir, 'b.jsonl.gz')]
  await writeFile(paths[0]!, gzipSync('{"id":1,"tag":"x","at":"2024-05-06 07:08:09"}\n{"id":2,"tag":null}\n'))
  await writeFile(paths[1]!, gzipSync('{"id":3,"tag":"z"}\n'))
  const dataset = bound('urn:x:events', 'events', 'jsonl', columns('id:BIGINT tag:VARCHAR at:TIMESTAMP'), paths)
  return { ...dataset, dialect: { ...dataset.dialect!, compression: 'gzip' } }
}

/** A Parquet file made of `select`. */
export async function parquet(dir: string, name: string, select: string): Promise<BoundDataset> {
  await mkdir(dir, { recursive: true })
  const path = join(dir, `${name}.parquet`)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
  return bound(`ivo://x.y/${name}`, name, 'parquet', [], [path])
}

function bound(
  id: string,
  name: string,
  format: BoundDataset['format'],
  cols: Column[],
  paths: string[],
): BoundDataset {
  const dialect = { delimiter: ',', quote: '"', header: true, skip: 0, compression: 'none' as const }
  return { id, names: [name, id], format, columns: cols, dialect, paths }
}

async function copied(dir: string, name: string): Promise<string> {
  const path = join(dir, basename(name))
  await copyFile(new URL(name, source), path)
  return path
}

export const requiresSandbox = () =>
  requires(
    'bubblewrap sandbox',
    async () => (await findTools('auto')).bwrap !== undefined,
    'install bubblewrap and allow user namespaces',
  )

export const requiresR = () =>
  requires('R', async () => (await which('Rscript')) !== undefined, 'install R (Debian: r-base-core)')

/** A Python with pandas, pyarrow and matplotlib: `ARCHIPEL_TEST_PYTHON`, or the machine's own. */
export const SCIENCE_PYTHON = process.env.ARCHIPEL_TEST_PYTHON ?? 'python3'

export const requiresScience = () =>
  requires(
    'Python with pandas, pyarrow and matplotlib',
    () => promisify(execFile)(SCIENCE_PYTHON, ['-I', '-c', 'import pandas, pyarrow, matplotlib']),
    'make a virtual environment with them and name its python in ARCHIPEL_TEST_PYTHON',
  )
