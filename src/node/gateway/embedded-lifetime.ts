/** When a session of the built-in engine ends by itself: as Livy's idleTimeout and ttl, both of a session that does nothing. */

const UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
/** The most that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1

/** Milliseconds of Livy's `30m`, `90s`, `8h`, or of a number alone; undefined for what is none. */
export function livyTime(text: string | null | undefined): number | undefined {
  const [, digits, unit = 'ms'] = /^\s*(\d{1,12})\s*([a-z]+)?\s*$/i.exec(text ?? '') ?? []
  const each = UNITS[unit.toLowerCase()]
  return digits === undefined || each === undefined ? undefined : Math.max(1, Number(digits) * each)
}

export interface Lifetime {
  /** Something happened to the session. */
  used(): void
  stop(): void
}

export interface LifetimeInit {
  /** Milliseconds without work. */
  idleMs: number
  /** Milliseconds from now. */
  ttlMs: number | undefined
  /** It starts, works, or is over: nothing is counted then. */
  busy(): boolean
  onOver(why: string): void
}

export function lifetime({ idleMs, ttlMs = Infinity, busy, onOver }: LifetimeInit): Lifetime {
  const last = Date.now() + ttlMs
  let idleUntil = Date.now() + idleMs
  let timer: NodeJS.Timeout | undefined

  function arm(): void {
    clearTimeout(timer)
    if (busy()) return
    timer = setTimeout(look, Math.min(LONGEST_MS, Math.max(1, Math.min(last, idleUntil) - Date.now()))).unref()
  }

  function look(): void {
    const now = Date.now()
    if (now >= last) onOver(`The session has ended: its ttl of ${ttlMs} ms is over.`)
    else if (now >= idleUntil) onOver(`The session has ended: it was idle for ${idleMs} ms.`)
    else arm()
  }

  return {
    used() {
      idleUntil = Date.now() + idleMs
      arm()
    },
    stop: () => clearTimeout(timer),
  }
}
