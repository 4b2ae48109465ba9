import { ArchipelError } from '../../../protocols/model/errors.ts'

export interface Slots {
  readonly running: number
  readonly waiting: number
  /** Waits for a free slot. @throws TOO_MANY when the queue is full, CANCELLED */
  acquire(signal?: AbortSignal): Promise<() => void>
  /** Turns all that wait away with this error, and all that come. */
  close(error: ArchipelError): void
  /** Takes callers again after a close. */
  open(): void
}

/** At most `max` holders; at most `queue` callers wait, first come, first served. */
export function slots(max: number, queue: number): Slots {
  let running = 0
  let closed: ArchipelError | undefined
  let waiters: { grant: () => void; refuse: (error: ArchipelError) => void }[] = []

  function taken(): () => void {
    running++
    let released = false
    return () => {
      if (released) return
      released = true
      running--
      waiters.shift()?.grant()
    }
  }

  return {
    get running() {
      return running
    },
    get waiting() {
      return waiters.length
    },
    async acquire(signal) {
      if (closed !== undefined) throw closed
      if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled')
      if (running < max) return taken()
      if (waiters.length >= queue)
        throw new ArchipelError('TOO_MANY', `the engine is busy: ${running} sessions run and ${waiters.length} wait`)
      return await new Promise((resolve, reject) => {
        const leave = () => {
          waiters = waiters.filter((other) => other !== waiter)
          signal?.removeEventListener('abort', onAbort)
        }
        const waiter = {
          grant: () => {
            leave()
            resolve(taken())
          },
          refuse: (error: ArchipelError) => {
            leave()
            reject(error)
          },
        }
        const onAbort = () => waiter.refuse(new ArchipelError('CANCELLED', 'the call was cancelled'))
        signal?.addEventListener('abort', onAbort, { once: true })
        waiters.push(waiter)
      })
    },
    close(error) {
      closed = error
      for (const waiter of waiters) waiter.refuse(error)
    },
    open() {
      closed = undefined
    },
  }
}
