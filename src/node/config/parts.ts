/** What the settings are made of. */
import { z } from 'zod'

/** What a schema cannot say about a setting. */
export const about = z.registry<{
  /** A flag of `up` and `join` of its own; every setting can be given by `--set`. */
  flag?: string
  /** As text (flag or environment), the value may have a unit. */
  unit?: 'ms' | 'bytes'
  /** Never shown. */
  secret?: boolean
}>()

/** Milliseconds of a setting. */
export const ms = (min: number, max: number) => z.int().min(min).max(max)
export const bytes = (min: number, max: number) => z.int().min(min).max(max)
export const MiB = 2 ** 20
export const GiB = 2 ** 30
export const DAY_MS = 86_400_000
