import { type Header, natural, number, text } from './cards.ts'

const RAD = Math.PI / 180

/** Pixels (1-based, centres at integers) to ICRS degrees; undefined where there is no sky. */
export interface ImageWcs {
  width: number
  height: number
  toSky(x: number, y: number): { ra: number; dec: number } | undefined
  /** Whether the sky position lies on the image. Defined where the projection can be inverted here (zenithal). */
  holdsPole(dec: 90 | -90): boolean
}

type Native = { phi: number; theta: number } | undefined
/** Radians from projection-plane coordinates in degrees (Calabretta & Greisen 2002, section 5). */
type Deproject = (x: number, y: number) => Native

const zenithal =
  (thetaOf: (r: number) => number): Deproject =>
  (x, y) => {
    const theta = thetaOf(Math.hypot(x, y) * RAD)
    return Number.isNaN(theta) ? undefined : { phi: Math.atan2(x, -y), theta }
  }

const ZENITHAL: Record<string, Deproject> = {
  TAN: zenithal((r) => Math.atan2(1, r)),
  // Distortion is left out: it moves the edge by a small part of the image.
  TPV: zenithal((r) => Math.atan2(1, r)),
  SIN: zenithal((r) => Math.acos(r)),
  ARC: zenithal((r) => (r <= Math.PI ? Math.PI / 2 - r : Number.NaN)),
  STG: zenithal((r) => Math.PI / 2 - 2 * Math.atan(r / 2)),
  ZEA: zenithal((r) => Math.PI / 2 - 2 * Math.asin(r / 2)),
}

const inside = (phi: number, theta: number): Native =>
  Math.abs(phi) <= Math.PI + 1e-9 && Math.abs(theta) <= Math.PI / 2 + 1e-9 ? { phi, theta } : undefined

/** Reference point at native (0, 0); only for images centred on the equator of their frame. */
const CYLINDRICAL: Record<string, Deproject> = {
  CAR: (x, y) => inside(x * RAD, y * RAD),
  SFL: (x, y) => inside((x * RAD) / Math.cos(y * RAD), y * RAD),
  MER: (x, y) => inside(x * RAD, 2 * Math.atan(Math.exp(y * RAD)) - Math.PI / 2),
  AIT: (x, y) => {
    const z2 = 1 - ((x * RAD) / 4) ** 2 - ((y * RAD) / 2) ** 2
    if (z2 < 0.5) return undefined
    const z = Math.sqrt(z2)
    return { phi: 2 * Math.atan2((z * x * RAD) / 2, 2 * z2 - 1), theta: Math.asin(y * RAD * z) }
  },
}

/**
 * The celestial coordinates of an image header (FITS 4.0, section 8). Undefined when there are none, or in a projection
 * or frame that is not known here. Equatorial FK5 and ICRS count as the same (0.1 arcseconds).
 */
export function imageWcs(header: Header): ImageWcs | undefined {
  const z = header.get('ZIMAGE') === true ? 'Z' : ''
  const axes = natural(header, `${z}NAXIS`, 0)
  const types = Array.from({ length: Math.min(axes, 9) }, (_, i) => text(header, `CTYPE${i + 1}`) ?? '')
  const lonAxis = types.findIndex((t) => /^(RA--|GLON|ELON)-/.test(t)) + 1
  const latAxis = types.findIndex((t) => /^(DEC-|GLAT|ELAT)-/.test(t)) + 1
  if (lonAxis === 0 || latAxis === 0) return undefined
  const type = types[lonAxis - 1]!
  const toIcrs = frameOf(type.slice(0, 4), header)
  const code = type.slice(5, 8)
  const lon = number(header, `CRVAL${lonAxis}`)
  const lat = number(header, `CRVAL${latAxis}`)
  const matrix = linear(header, lonAxis, latAxis)
  if (toIcrs === undefined || lon === undefined || lat === undefined || Math.abs(lat) > 90 || matrix === undefined)
    return undefined
  const cylindrical = CYLINDRICAL[code]
  const plain = lat === 0 && (number(header, 'LONPOLE') ?? 0) === 0
  const deproject = ZENITHAL[code] ?? (plain ? cylindrical : undefined)
  if (deproject === undefined) return undefined
  const width = natural(header, `${z}NAXIS${lonAxis}`)
  const height = natural(header, `${z}NAXIS${latAxis}`)
  if (width === 0 || height === 0) return undefined
  const x0 = number(header, `CRPIX${lonAxis}`) ?? 0
  const y0 = number(header, `CRPIX${latAxis}`) ?? 0
  const rotate =
    cylindrical === deproject ? shifted(lon) : rotated(lon, lat, number(header, 'LONPOLE') ?? (lat >= 90 ? 0 : 180))
  const toSky: ImageWcs['toSky'] = (x, y) => {
    const [dx, dy] = [x - x0, y - y0]
    const native = deproject(matrix[0] * dx + matrix[1] * dy, matrix[2] * dx + matrix[3] * dy)
    return native && toIcrs(rotate(native.phi, native.theta))
  }
  return { width, height, toSky, holdsPole: (dec) => winds(toSky, width, height, dec) }
}

/** CDi_j, else PCi_j times CDELTi, else CDELTi with CROTA. Row of longitude, then row of latitude. */
function linear(header: Header, i: number, j: number): [number, number, number, number] | undefined {
  const entry = (name: string, a: number, b: number) => number(header, `${name}${a}_${b}`)
  const pairs = [
    [i, i],
    [i, j],
    [j, i],
    [j, j],
  ] as const
  let m: number[]
  if (pairs.some(([a, b]) => entry('CD', a, b) !== undefined)) m = pairs.map(([a, b]) => entry('CD', a, b) ?? 0)
  else {
    const scale = [number(header, `CDELT${i}`) ?? 1, number(header, `CDELT${j}`) ?? 1]
    const turn = (number(header, `CROTA${j}`) ?? 0) * RAD
    const hasPc = pairs.some(([a, b]) => entry('PC', a, b) !== undefined)
    m =
      hasPc || turn === 0
        ? pairs.map(([a, b], k) => scale[k >> 1]! * (entry('PC', a, b) ?? (a === b ? 1 : 0)))
        : [
            scale[0]! * Math.cos(turn),
            -scale[1]! * Math.sin(turn),
            scale[0]! * Math.sin(turn),
            scale[1]! * Math.cos(turn),
          ]
  }
  const determinant = m[0]! * m[3]! - m[1]! * m[2]!
  return Number.isFinite(determinant) && determinant !== 0 ? (m as [number, number, number, number]) : undefined
}

type Sky = { lon: number; lat: number }

/** Native to celestial for a zenithal projection, whose native pole is the reference point (C&G 2002, equation 2). */
function rotated(lon: number, lat: number, lonPole: number): (phi: number, theta: number) => Sky {
  const [sp, cp] = [Math.sin(lat * RAD), Math.cos(lat * RAD)]
  return (phi, theta) => {
    const d = phi - lonPole * RAD
    const [st, ct] = [Math.sin(theta), Math.cos(theta)]
    const a = Math.atan2(-ct * Math.sin(d), st * cp - ct * sp * Math.cos(d))
    return { lon: lon + a / RAD, lat: Math.asin(Math.max(-1, Math.min(1, st * sp + ct * cp * Math.cos(d)))) / RAD }
  }
}

function shifted(lon: number): (phi: number, theta: number) => Sky {
  return (phi, theta) => ({ lon: lon + phi / RAD, lat: theta / RAD })
}

type Matrix = readonly (readonly [number, number, number])[]
/** Galactic to ICRS: transpose of Hipparcos (ESA 1997), 1.5.11. */
const GALACTIC: Matrix = [
  [-0.0548755604, 0.4941094279, -0.867666149],
  [-0.8734370902, -0.44482963, -0.1980763734],
  [-0.4838350155, 0.7469822445, 0.4559837762],
]
/** FK4 B1950 to FK5 J2000 without the E-terms (0.3 arcseconds): Murray 1989. */
const B1950: Matrix = [
  [0.9999256794956877, -0.0111814832204662, -0.0048590038153592],
  [0.0111814832391717, 0.9999374848933135, -0.0000271625947142],
  [0.0048590037723143, -0.000027170293744, 0.9999881946023742],
]
const OBLIQUITY = 23.4392911 * RAD
const ECLIPTIC: Matrix = [
  [1, 0, 0],
  [0, Math.cos(OBLIQUITY), -Math.sin(OBLIQUITY)],
  [0, Math.sin(OBLIQUITY), Math.cos(OBLIQUITY)],
]

function frameOf(prefix: string, header: Header): ((sky: Sky) => { ra: number; dec: number }) | undefined {
  if (prefix === 'GLON') return turned(GALACTIC)
  if (prefix === 'ELON') return turned(ECLIPTIC)
  const equinox = number(header, 'EQUINOX') ?? number(header, 'EPOCH')
  const system =
    text(header, 'RADESYS')?.toUpperCase() ??
    text(header, 'RADECSYS')?.toUpperCase() ??
    (equinox !== undefined && equinox < 1984 ? 'FK4' : 'ICRS')
  if (system === 'FK4') return equinox === undefined || equinox === 1950 ? turned(B1950) : undefined
  if (!/^(ICRS|FK5)$/.test(system) || (equinox !== undefined && equinox !== 2000 && system === 'FK5')) return undefined
  return ({ lon, lat }) => ({ ra: ((lon % 360) + 360) % 360, dec: lat })
}

function turned(m: Matrix): (sky: Sky) => { ra: number; dec: number } {
  return ({ lon, lat }) => {
    const v = [
      Math.cos(lat * RAD) * Math.cos(lon * RAD),
      Math.cos(lat * RAD) * Math.sin(lon * RAD),
      Math.sin(lat * RAD),
    ] as const
    const [x, y, z] = m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as [number, number, number]
    return { ra: (((Math.atan2(y, x) / RAD) % 360) + 360) % 360, dec: Math.asin(Math.max(-1, Math.min(1, z))) / RAD }
  }
}

/** Going round the edge, right ascension winds round the pole that the image holds. */
function winds(toSky: ImageWcs['toSky'], width: number, height: number, dec: 90 | -90): boolean {
  const steps = 200
  let turn = 0
  let sum = 0
  let last: number | undefined
  for (let i = 0; i <= 4 * steps; i++) {
    const side = Math.floor(i / steps) % 4
    const f = (i % steps) / steps
    const [u, v] = (
      [
        [f, 0],
        [1, f],
        [1 - f, 1],
        [0, 1 - f],
      ] as const
    )[side]!
    const sky = toSky(0.5 + u * width, 0.5 + v * height)
    if (sky === undefined) return false
    if (last !== undefined) turn += ((sky.ra - last + 540) % 360) - 180
    last = sky.ra
    sum += sky.dec
  }
  return Math.abs(turn) > 180 && Math.sign(sum) === Math.sign(dec)
}
