export interface SpareSessionsInit {
  /** How many. */
  count: number
  open(signal: AbortSignal): Promise<number>
  close(id: number): Promise<void>
  /** Milliseconds after which one that nobody took is ended. Default 10 minutes. */
  idleMs?: number
}

export interface SpareSessions {
  /** One that is up; it is the caller's from now on. */
  take(): number | undefined
  /** Starts what is missing, in the background. */
  prepare(): void
  stop(): Promise<void>
}

const IDLE_MS = 600_000

/** Sessions of Spark that are up before they are needed: each takes many seconds to start, and half a gigabyte of memory. */
export function spareSessions({ count, open, close, idleMs = IDLE_MS }: SpareSessionsInit): SpareSessions {
  const ready: { id: number; timer: NodeJS.Timeout }[] = []
  const opening = new Set<Promise<void>>()
  const stopping = new AbortController()

  async function one(): Promise<void> {
    let id: number
    try {
      id = await open(stopping.signal)
    } catch {
      // The next session says why.
      return
    }
    if (stopping.signal.aborted) return await close(id)
    const timer = setTimeout(() => {
      const at = ready.findIndex((each) => each.id === id)
      if (at >= 0) ready.splice(at, 1)
      void close(id)
    }, idleMs).unref()
    ready.push({ id, timer })
  }

  return {
    take() {
      const first = ready.shift()
      clearTimeout(first?.timer)
      return first?.id
    },
    prepare() {
      if (stopping.signal.aborted || ready.length + opening.size >= count) return
      const work: Promise<void> = one().finally(() => opening.delete(work))
      opening.add(work)
    },
    async stop() {
      stopping.abort()
      const left = ready.splice(0)
      for (const { timer } of left) clearTimeout(timer)
      await Promise.all([...opening, ...left.map(({ id }) => close(id))])
    },
  }
}
