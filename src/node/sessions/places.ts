import { ArchipelError } from '../../protocols/model/errors.ts'

/** The places in the engine that sessions may hold, whichever interface they came by; the others are left to tasks. */
export interface Places {
  readonly max: number
  readonly taken: number
  /** Takes one; what it gives frees it again, once. @throws TOO_MANY when all are taken: nobody waits here */
  take(): () => void
}

export function places(max: number): Places {
  let taken = 0
  return {
    max,
    get taken() {
      return taken
    },
    take() {
      if (taken >= max)
        throw new ArchipelError('TOO_MANY', `all ${max} places for sessions are taken already`, {
          hint: 'Delete one that `archipel session list` or `archipel livy list` shows, or wait until an idle one has ended.',
        })
      taken++
      let held = true
      return () => {
        if (held) taken--
        held = false
      }
    },
  }
}
