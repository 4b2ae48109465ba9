/** Records as sites publish them, made from a number: the same number, the same record. */

import type { Entry } from '../../src/node/catalog/port.ts'
import type { DatasetBody, ReplicaBody } from '../../src/protocols/model/dataset.ts'
import { replicaRecordId } from '../../src/protocols/model/dataset.ts'

const WORDS = `survey stars galaxies spectra photometry quasar cluster nebula redshift parallax proper motion infrared
ultraviolet x-ray radio transient supernova light curve catalogue deep field mosaic calibration pulsar exoplanet
transit telescope observatory epoch magnitude flux density polarisation dust emission absorption line halo disk bulge
globular variable binary eclipsing cepheid dwarf giant white red blue morphology lensing shear mass function`.split(
  /\s+/,
)
const TYPES = ['DOUBLE', 'VARCHAR', 'BIGINT', 'TIMESTAMP']

/** Bytes of the smallest and the largest body, as JSON; CBOR is a little less. */
const LEAST_BYTES = 600
const MOST_BYTES = 2000

/** A small generator (mulberry32): benchmarks must not differ from run to run in what they write. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function datasetId(n: number): string {
  return `doi:10.5072/bench.${n}`
}

/** A dataset with columns, coverage and a description that fills it to between 600 and 2,000 bytes. */
export function datasetRecord(n: number, revision = 0): Entry {
  const next = random(n * 7919 + revision)
  const word = () => WORDS[Math.floor(next() * WORDS.length)]!
  const words = (count: number) => Array.from({ length: count }, word).join(' ')
  const raMin = next() * 350
  const decMin = next() * 160 - 80
  const body: DatasetBody = {
    name: `bench_${n}`,
    title: `${words(6)} ${n}`,
    description: '',
    keywords: [word(), word(), word()].filter((k, i, all) => all.indexOf(k) === i),
    licence: 'CC-BY-4.0',
    creators: [{ name: `${word()} ${word()}`, affiliation: `${word()} institute` }],
    created: '2024-01-01T00:00:00.000Z',
    modified: '2024-06-01T00:00:00.000Z',
    version: Math.floor(next() * 2 ** 48)
      .toString(16)
      .padStart(64, '0'),
    size: Math.floor(next() * 1e9),
    files: 1 + Math.floor(next() * 10),
    format: 'parquet',
    rows: Math.floor(next() * 1e7),
    columns: Array.from({ length: 4 }, (_, i) => ({ name: `${word()}_${i}`, type: TYPES[i]! })),
    coverage: {
      spatial: {
        frame: 'ICRS',
        moc: `6/${Math.floor(next() * 49_000)}`,
        box: { raMin, raMax: raMin + 5, decMin, decMax: decMin + 5 },
      },
    },
    aliases: [],
  }
  const missing = LEAST_BYTES + next() * (MOST_BYTES - LEAST_BYTES) - JSON.stringify(body).length
  let text = ''
  while (text.length < missing) text += `${word()} `
  body.description = text.trim().slice(0, Math.max(0, Math.floor(missing)))
  return { kind: 'dataset', id: datasetId(n), body }
}

/** "I hold it", of the publisher itself. */
export function replicaRecord(publisher: string, dataset: Entry): Entry {
  const { version, size } = dataset.body as DatasetBody
  const body: ReplicaBody = { dataset: dataset.id, publisher, version, state: 'available', bytes: size }
  return { kind: 'replica', id: replicaRecordId(publisher, dataset.id), body }
}
