import { ArchipelError } from '../../protocols/model/errors.ts'
import { FILE_URL_MS } from '../../protocols/model/file-url.ts'
import { parseDuration } from '../config/units.ts'

/** A duration that a command takes, and its bounds in milliseconds. */
export interface DurationOption {
  flag: string
  min: number
  max: number
  /** What to write, in words. */
  like: string
}

/** Of a ticket, a token, one attempt of a task, and its lease: the bounds are those of the web service. */
export const EXPIRES = { flag: '--expires', min: 1000, max: 90 * 86_400_000, like: '24h, 30m or 7d' }
export const TOKEN_EXPIRES = { flag: '--expires', min: 1000, max: 3650 * 86_400_000, like: '12h, 90d or 52w' }
export const URL_EXPIRES = { flag: '--expires', ...FILE_URL_MS, like: '30m, 1h or 7d' }
export const TIMEOUT = { flag: '--timeout', min: 1, max: 7 * 86_400_000, like: '30s, 15m or 2h' }
export const LEASE = { flag: '--lease', min: 200, max: 3_600_000, like: '30s or 5m' }

const UNITS = ['w', 'd', 'h', 'm', 's', 'ms']

/** `24h` as milliseconds; on the command line a number alone is none. @throws BAD_INPUT */
export function durationOf(text: string, { flag, min, max, like }: DurationOption): number {
  const hint = `Write it like ${like}.`
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const shown = text.trim().slice(0, 60)
  if (number !== undefined && unit === '')
    throw new ArchipelError('BAD_INPUT', `${flag}: ${shown} has no unit; write ${like}`, { hint })
  const one = number === undefined ? undefined : factorOf(unit)
  if (one === undefined)
    throw new ArchipelError('BAD_INPUT', `${flag}: ${JSON.stringify(shown)} is not a duration`, { hint })
  const value = Math.round(Number(number) * one)
  if (value < min)
    throw new ArchipelError('BAD_INPUT', `${flag}: ${shown} is too short; it has to be at least ${inUnit(min, unit)}`, {
      hint,
    })
  if (value > max)
    throw new ArchipelError('BAD_INPUT', `${flag}: ${shown} is too long; it may be at most ${inUnit(max, unit)}`, {
      hint,
    })
  return value
}

function factorOf(unit: string): number | undefined {
  try {
    return parseDuration(`1${unit}`)
  } catch {
    return undefined
  }
}

/** In the unit that was written where that is a whole number, else in the largest where it is. */
function inUnit(ms: number, written: string): string {
  const unit = [written, ...UNITS].find((u) => ms % factorOf(u)! === 0)!
  return `${ms / factorOf(unit)!}${unit}`
}
