import type { Coverage } from '../../../protocols/model/dataset.ts'
import { type Box, cellOf } from '../../../protocols/sky/cone.ts'
import { degrade, fitMoc, type Moc, mocOf, mocOfCells } from '../../../protocols/sky/moc.ts'

/** Characters of a MOC in a record: a dataset's body stays small whatever the shape of its sky. */
export const MAX_MOC_LENGTH = 1500
/** Right ascensions are gathered in bins of 0.1 degree. */
export const RA_BINS = 3600
const MAX_CELLS = 50_000
const MAX_OUTLINE_ORDER = 13
const MAX_PARTS = 2000
/** A gap narrower than this does not keep a box from going all around. */
const MIN_GAP_DEG = 2

/** Gathers positions into a coverage, in bounded memory. */
export interface SkyCollector {
  /** Degrees. What is not finite or out of range is ignored. */
  add(ra: number, dec: number): void
  /** Many positions at once: extremes of a bin of right ascension (degrees). */
  addBin(raMin: number, raMax: number, decMin: number, decMax: number): void
  /** Nested cells of `order`. */
  addCells(order: number, cells: Iterable<number>): void
  /** Points that lie dense on an area whose smaller side has `side` degrees. */
  addOutline(points: { ra: number; dec: number }[], side: number): void
  /** Adds a part of the sky that holds a pole: the box goes all around, up to it. */
  addPole(dec: 90 | -90): void
  /** Undefined when nothing was added. */
  coverage(): NonNullable<Coverage['spatial']> | undefined
}

export function skyCollector(startOrder = 10): SkyCollector {
  let order = startOrder
  let cells = new Set<number>()
  /** Outlines, which have orders of their own. */
  let parts: Moc[] = []
  const low = new Float64Array(RA_BINS).fill(Number.POSITIVE_INFINITY)
  const high = new Float64Array(RA_BINS).fill(Number.NEGATIVE_INFINITY)
  let decMin = Number.POSITIVE_INFINITY
  let decMax = Number.NEGATIVE_INFINITY
  let around = false

  function coarsen(to: number): void {
    const factor = 4 ** (order - to)
    cells = new Set([...cells].map((cell) => Math.floor(cell / factor)))
    order = to
  }

  function widen(ra: number): void {
    const bin = Math.min(RA_BINS - 1, Math.floor((ra / 360) * RA_BINS))
    if (ra < low[bin]!) low[bin] = ra
    if (ra > high[bin]!) high[bin] = ra
  }

  return {
    add(ra, dec) {
      if (!(ra >= -180 && ra <= 360 && dec >= -90 && dec <= 90)) return
      const a = (ra + 360) % 360
      cells.add(cellOf(order, a, dec))
      if (cells.size > MAX_CELLS) coarsen(order - 1)
      widen(a)
      decMin = Math.min(decMin, dec)
      decMax = Math.max(decMax, dec)
    },
    addBin(raMin, raMax, dMin, dMax) {
      widen(raMin)
      widen(raMax)
      decMin = Math.min(decMin, dMin)
      decMax = Math.max(decMax, dMax)
    },
    addCells(given, more) {
      if (given < order) coarsen(given)
      const factor = 4 ** (given - order)
      for (const cell of more) cells.add(Math.floor(cell / factor))
    },
    addOutline(points, side) {
      // Order 0 has cells of 58.6 degrees; a cell of the order chosen is a twelfth of the side or more.
      const wanted = Math.max(0, Math.min(MAX_OUTLINE_ORDER, Math.floor(Math.log2((58.6 * 12) / side))))
      parts.push(mocOfCells(wanted, new Set(points.map((p) => cellOf(wanted, p.ra, p.dec)))))
      if (parts.length > MAX_PARTS) parts = [degrade(merged(parts), 8)]
      for (const { ra, dec } of points) {
        widen(ra)
        decMin = Math.min(decMin, dec)
        decMax = Math.max(decMax, dec)
      }
    },
    addPole(dec) {
      around = true
      decMin = Math.min(decMin, dec)
      decMax = Math.max(decMax, dec)
    },
    coverage() {
      if (cells.size === 0 && parts.length === 0) return undefined
      const range = around ? { raMin: 0, raMax: 360 } : raRange(low, high)
      return {
        frame: 'ICRS',
        moc: fitMoc(
          merged([mocOfCells(order, cells), ...parts]),
          parts.length === 0 ? order : MAX_OUTLINE_ORDER,
          MAX_MOC_LENGTH,
        ),
        box: rounded({ ...range, decMin, decMax }),
      }
    },
  }
}

function merged(mocs: Moc[]): Moc {
  const ranges: [number, number][] = []
  for (const moc of mocs) for (let i = 0; i < moc.length; i += 2) ranges.push([moc[i]!, moc[i + 1]!])
  return mocOf(ranges)
}

/** The shortest arc that holds all bins, found by the widest gap between them. */
function raRange(low: Float64Array, high: Float64Array): { raMin: number; raMax: number } {
  const used = Array.from({ length: RA_BINS }, (_, i) => i).filter((i) => high[i]! >= low[i]!)
  let gap = { width: -1, after: 0, before: 0 }
  for (const [k, bin] of used.entries()) {
    const next = used[(k + 1) % used.length]!
    const wrap = k + 1 === used.length ? 360 : 0
    const width = low[next]! + wrap - high[bin]!
    if (width > gap.width) gap = { width, after: high[bin]!, before: low[next]! }
  }
  if (gap.width < MIN_GAP_DEG) return { raMin: 0, raMax: 360 }
  return { raMin: gap.before, raMax: gap.after }
}

/** To micro-degrees, outwards: shorter in the record, and nothing falls out. */
function rounded(box: Box): Box {
  const down = (v: number) => Math.floor(v * 1e6) / 1e6
  const up = (v: number) => Math.ceil(v * 1e6) / 1e6
  return {
    raMin: Math.max(0, down(box.raMin)),
    raMax: Math.min(360, up(box.raMax)),
    decMin: Math.max(-90, down(box.decMin)),
    decMax: Math.min(90, up(box.decMax)),
  }
}
