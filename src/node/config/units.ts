import { ArchipelError } from '../../protocols/model/errors.ts'

const BYTES: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}
const MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

function quantity(text: string, units: Record<string, number>, base: string, what: string, example: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit === '' ? base : unit.toLowerCase()]
  const value = Math.round(Number(number) * (factor ?? Number.NaN))
  if (number === undefined || factor === undefined || !Number.isSafeInteger(value)) {
    throw new ArchipelError('BAD_INPUT', `${JSON.stringify(text.slice(0, 60))} is not ${what}`, {
      hint: `Write it like ${example}.`,
    })
  }
  return value
}

/** `512MB`, `1.5 GiB`, `100` (bytes) as bytes. @throws BAD_INPUT */
export function parseBytes(text: string): number {
  return quantity(text, BYTES, 'b', 'a size', '500kB, 64MB or 1GiB')
}

/** `250ms`, `30s`, `15m`, `24h`, `7d`, `100` (milliseconds) as milliseconds. @throws BAD_INPUT */
export function parseDuration(text: string): number {
  return quantity(text, MS, 'ms', 'a duration', '30s, 15m, 24h or 7d')
}
