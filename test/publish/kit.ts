import { duckdbInspector } from '../../src/node/engines/inspect.ts'
import { type PublisherInit, publisher } from '../../src/node/publish/publisher.ts'
import type { PublishProgress, PublishRequest } from '../../src/protocols/model/views.ts'
import type { TestContext } from '../kit/index.ts'

export const ISLAND = `isl${'a'.repeat(32)}`
export const defaultId = (name: string) => `archipel:${ISLAND}/${name}`

/** A publisher over real inspectors, with its own state folder unless one is given. */
export async function makePublisher(t: TestContext, init: Partial<PublisherInit> = {}) {
  const scratchDir = await t.tmpdir()
  const stateDir = init.stateDir ?? (await t.tmpdir())
  const port = publisher({ ...init, stateDir })({ inspectorFor: (files) => duckdbInspector({ files, scratchDir }) })
  await port.start()
  t.cleanup(() => port.stop())
  return {
    port,
    stateDir,
    prepare: (request: PublishRequest, onProgress?: (p: PublishProgress) => void, signal?: AbortSignal) =>
      port.prepare(request, { defaultId, ...(onProgress && { onProgress }), ...(signal && { signal }) }),
  }
}

type Value = string | number | boolean

/** A FITS header with END, padded to blocks. */
export function fitsHeader(cards: [string, Value][], extra: string[] = []): Buffer {
  const lines = cards.map(([key, value]) => {
    if (typeof value === 'string') return `${key.padEnd(8)}= '${value.replaceAll("'", "''").padEnd(8)}'`
    return `${key.padEnd(8)}= ${(typeof value === 'boolean' ? (value ? 'T' : 'F') : String(value)).padStart(20)}`
  })
  const text = [...lines, ...extra, 'END'].map((line) => line.slice(0, 80).padEnd(80)).join('')
  return Buffer.from(text.padEnd(Math.ceil(text.length / 2880) * 2880), 'latin1')
}

export function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((2880 - (data.length % 2880)) % 2880)])
}

export const PRIMARY: [string, Value][] = [
  ['SIMPLE', true],
  ['BITPIX', 8],
  ['NAXIS', 0],
]

/** An image header of two axes around a sky position. */
export function imageCards(values: Record<string, Value>): [string, Value][] {
  const all: Record<string, Value> = {
    SIMPLE: true,
    BITPIX: -32,
    NAXIS: 2,
    NAXIS1: 100,
    NAXIS2: 100,
    CTYPE1: 'RA---TAN',
    CTYPE2: 'DEC--TAN',
    CRPIX1: 50.5,
    CRPIX2: 50.5,
    ...values,
  }
  return Object.entries(all)
}

/** A binary table of doubles. */
export function doubleTable(columns: { name: string; unit?: string }[], rows: number[][]): Buffer {
  const cards: [string, Value][] = [
    ['XTENSION', 'BINTABLE'],
    ['BITPIX', 8],
    ['NAXIS', 2],
    ['NAXIS1', columns.length * 8],
    ['NAXIS2', rows.length],
    ['PCOUNT', 0],
    ['GCOUNT', 1],
    ['TFIELDS', columns.length],
  ]
  for (const [i, column] of columns.entries()) {
    cards.push([`TTYPE${i + 1}`, column.name], [`TFORM${i + 1}`, 'D'])
    if (column.unit !== undefined) cards.push([`TUNIT${i + 1}`, column.unit])
  }
  const data = Buffer.alloc(rows.length * columns.length * 8)
  for (const [i, value] of rows.flat().entries()) data.writeDoubleBE(value, i * 8)
  return Buffer.concat([fitsHeader(cards), padded(data)])
}
