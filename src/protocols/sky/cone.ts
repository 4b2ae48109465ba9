import { max_pixrad, order2nside, pix2vec_nest, pixcoord2vec_nest, type V3, vec2pix_nest } from '@hscmap/healpix'
import { ArchipelError } from '../model/errors.ts'
import { cellSpan, holds, type Moc, meets, mocOf, mocsMeet } from './moc.ts'

/** Degrees, ICRS. */
export interface Cone {
  ra: number
  dec: number
  radius: number
}

/** Degrees. `raMin` > `raMax` means that the box crosses RA 0. */
export interface Box {
  raMin: number
  raMax: number
  decMin: number
  decMax: number
}

const RAD = Math.PI / 180
/** Finest order whose nested numbers the HEALPix library keeps in 32 bits. */
const LIBRARY_ORDER = 13
/** The exact test ends here, in favour of a meeting: cells of 0.2 arcseconds. */
const FINEST_ORDER = 20
const MAX_VISITS = 20_000
const COVER_CELLS = 256

const RADII = Array.from({ length: FINEST_ORDER + 1 }, (_, order) =>
  order <= LIBRARY_ORDER
    ? max_pixrad(order2nside(order))
    : max_pixrad(order2nside(LIBRARY_ORDER)) / 2 ** (order - LIBRARY_ORDER),
)

/** Degrees; less than a ten-thousandth of an arcsecond. */
const NUDGE_DEG = 1e-8
/** Radians: what lies on an edge counts as inside, whichever way it was rounded. */
const EDGE = 1e-9

/** Unit vector of a direction in degrees. */
export function direction(ra: number, dec: number): V3 {
  const c = Math.cos(dec * RAD)
  return [c * Math.cos(ra * RAD), c * Math.sin(ra * RAD), Math.sin(dec * RAD)]
}

/** Nested cell of `order` (at most 13) that holds a direction in degrees. */
export function cellOf(order: number, ra: number, dec: number): number {
  const nside = order2nside(order)
  // On the meridians where base cells meet the library rounds to a cell elsewhere, or to none; a hair beside is as good.
  const beside = ((ra % 90) + 90) % 90
  const isMeridian = beside < NUDGE_DEG || beside > 90 - NUDGE_DEG
  const cell = vec2pix_nest(nside, direction(isMeridian ? ra + 2 * NUDGE_DEG : ra, dec))
  const isCell = cell >= 0 && cell < 12 * nside * nside
  return isCell ? cell : vec2pix_nest(nside, direction(ra + 2 * NUDGE_DEG, dec - NUDGE_DEG))
}

/** Radians between two directions; exact for small angles. */
export function separation(a: V3, b: V3): number {
  const half = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) / 2
  return 2 * Math.asin(Math.min(1, half))
}

/** @throws BAD_INPUT when a number is out of its range: RA 0-360 (or any finite angle), Dec -90-90, radius 0-180. */
export function checkedCone(cone: Cone): Cone {
  const { ra, dec, radius } = cone
  if (!Number.isFinite(ra) || !(dec >= -90 && dec <= 90) || !(radius >= 0 && radius <= 180)) {
    throw new ArchipelError(
      'BAD_INPUT',
      'a cone is a right ascension, a declination of -90 to 90 and a radius of 0 to 180 degrees',
    )
  }
  return { ra: ((ra % 360) + 360) % 360, dec, radius }
}

/** The smallest box around a cone; all right ascensions where it holds a pole. */
export function coneBox(cone: Cone): Box {
  const decMin = Math.max(-90, cone.dec - cone.radius)
  const decMax = Math.min(90, cone.dec + cone.radius)
  if (cone.dec + cone.radius >= 90 || cone.dec - cone.radius <= -90) return { raMin: 0, raMax: 360, decMin, decMax }
  const half = Math.asin(Math.min(1, Math.sin(cone.radius * RAD) / Math.cos(cone.dec * RAD))) / RAD
  return { raMin: (cone.ra - half + 360) % 360, raMax: (cone.ra + half) % 360, decMin, decMax }
}

/** One box as one or two that do not cross RA 0. */
export function plainBoxes(box: Box): Box[] {
  if (box.raMin <= box.raMax) return [box]
  return [
    { ...box, raMax: 360 },
    { ...box, raMin: 0 },
  ]
}

/** A cone made ready for many tests. */
export interface ConeTest {
  /** Whether any point of `moc` lies in the cone, to 0.2 arcseconds, in favour of yes. */
  meets(moc: Moc): boolean
}

export function coneTest(cone: Cone): ConeTest {
  const centre = direction(cone.ra, cone.dec)
  const radius = cone.radius * RAD
  const cover = coverOf(centre, radius)
  return {
    meets: (moc) => mocsMeet(moc, cover.inner) || (mocsMeet(moc, cover.edge) && exact(moc, centre, radius)),
  }
}

/** Cells wholly inside the cone, and cells that its edge may cross; together they hold the cone. */
function coverOf(centre: V3, radius: number): { inner: Moc; edge: Moc } {
  const inner: [number, number][] = []
  let edge: Cell[] = baseCells()
  for (let order = 0; ; order++) {
    const next: Cell[] = []
    for (const cell of edge) {
      const d = separation(cellCentre(cell), centre)
      if (d > radius + RADII[order]! + EDGE) continue
      if (d + RADII[order]! <= radius) inner.push(rangeOf(cell))
      else next.push(cell)
    }
    if (order === LIBRARY_ORDER || next.length * 4 > COVER_CELLS)
      return { inner: mocOf(inner), edge: mocOf(next.map(rangeOf)) }
    edge = next.flatMap(children)
  }
}

function exact(moc: Moc, centre: V3, radius: number): boolean {
  const stack = baseCells()
  for (let visits = 0; stack.length > 0; visits++) {
    if (visits > MAX_VISITS) return true
    const cell = stack.pop()!
    const [start, end] = rangeOf(cell)
    if (!meets(moc, start, end)) continue
    const d = separation(cellCentre(cell), centre)
    const size = RADII[cell.order]!
    if (d > radius + size + EDGE) continue
    if (d + size <= radius || cell.order === FINEST_ORDER || (d <= radius && holds(moc, start, end))) return true
    // The nearest child last, so that it is looked at first.
    const near = children(cell).map((child) => ({ child, d: separation(cellCentre(child), centre) }))
    for (const { child } of near.sort((a, b) => b.d - a.d)) stack.push(child)
  }
  return false
}

/** A nested cell: beyond the library's orders, a square part (x to the north-east, y to the north-west) of the library's finest cell. */
interface Cell {
  order: number
  index: number
}

function baseCells(): Cell[] {
  return Array.from({ length: 12 }, (_, index) => ({ order: 0, index }))
}

function children(cell: Cell): Cell[] {
  return [0, 1, 2, 3].map((i) => ({ order: cell.order + 1, index: cell.index * 4 + i }))
}

function rangeOf(cell: Cell): [number, number] {
  const span = cellSpan(cell.order)
  return [cell.index * span, (cell.index + 1) * span]
}

function cellCentre(cell: Cell): V3 {
  if (cell.order <= LIBRARY_ORDER) return pix2vec_nest(order2nside(cell.order), cell.index)
  const levels = cell.order - LIBRARY_ORDER
  const parent = Math.floor(cell.index / 4 ** levels)
  let rest = cell.index % 4 ** levels
  let x = 0.5
  let y = 0.5
  for (let i = 0; i < levels; i++) {
    // The lowest digit is the innermost step: each outer digit halves what is inside it.
    x = (x + (rest & 1)) / 2
    y = (y + ((rest >> 1) & 1)) / 2
    rest = Math.floor(rest / 4)
  }
  return pixcoord2vec_nest(order2nside(LIBRARY_ORDER), parent, x, y)
}
