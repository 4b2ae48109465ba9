import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** The last part of new ids: time and chance in base 36, so that later ids of one island come after earlier ones. */
export function newTaskSuffix(clock: Clock): () => string {
  let last = 0
  return () => {
    last = Math.max(clock.now(), last + 1)
    const chance = BigInt(`0x${randomBytes(8).toString('hex')}`)
      .toString(36)
      .padStart(13, '0')
    return `${last.toString(36).padStart(9, '0')}${chance}`
  }
}
