import { ArchipelError, isErrorCode, toArchipelError } from '../../protocols/model/errors.ts'
import type { ConfirmAnswer } from '../../protocols/placement/messages.ts'
import type { Facts } from './facts.ts'
import { byCost, judge, type Verdict } from './judge.ts'
import type { LinkEstimate } from './links.ts'
import { ROUND_TRIPS } from './terms/start.ts'

/** Time comes from here. */
export interface Timers {
  /** Milliseconds, from any beginning. */
  now(): number
  /** Calls `fn` once after so many milliseconds; the answer cancels it. */
  after(ms: number, fn: () => void): () => void
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

export interface RoundsComponents {
  /** Asks the island; bounds its own time. @throws UNREACHABLE, DEADLINE, TOO_MANY and others */
  ask(island: string): Promise<ConfirmAnswer>
  /** After the answer: it was measured, too. */
  linkOf(island: string): LinkEstimate
  timers: Timers
}

/** What became of asking an island. */
export type Asked = 'accepted' | 'refused' | { silentMs: number }

export interface RoundsOutcome {
  verdicts: Verdict[]
  /** By island; those not asked are not in it. */
  asked: Map<string, Asked>
}

/** Islands asked at once at first; every further round asks twice as many. */
const FEW = 3
/** After so many rounds the best yes is taken, though somebody cheaper by estimate may be left. */
const MAX_ROUNDS = 3
/** Milliseconds that others are given besides twice the time of the best yes. */
const GRACE_MS = 5

/**
 * Asks the cheapest islands whether they would take the work, until nobody is left who could be cheaper than the best yes.
 * Whoever says no is excluded with its reason, and the next ones are asked. @throws CANCELLED
 */
export async function confirmBest(
  verdicts: Verdict[],
  components: RoundsComponents,
  signal: AbortSignal,
): Promise<RoundsOutcome> {
  const current = new Map(verdicts.map((v) => [v.facts.island, v]))
  const asked = new Map<string, Asked>()
  const open = verdicts.filter((v) => v.exclusion === undefined).sort(byCost)

  const best = (): Verdict | undefined =>
    [...asked].flatMap(([island, state]) => (state === 'accepted' ? [current.get(island)!] : [])).sort(byCost)[0]

  // Asking here costs nothing.
  const here = open.findIndex((v) => v.facts.self)
  if (here >= 0) await round(open.splice(here, 1))
  for (let n = 0; open.length > 0; n++) {
    const yes = best()
    const next = open[0]!
    if (yes !== undefined && (n >= MAX_ROUNDS || yes.seconds <= next.seconds + next.facts.link.rttMs / 1000)) break
    await round(open.splice(0, FEW * 2 ** n))
  }
  return { verdicts: [...current.values()], asked }

  async function round(batch: Verdict[]): Promise<void> {
    const { timers } = components
    const started = timers.now()
    const pending = new Map(batch.map((v) => [v.facts.island, v]))
    let open = true
    let wake = () => {}
    /** Milliseconds that the best yes took. */
    let bestTook = 0

    const settle = (island: string, facts: Facts, state: 'accepted' | 'refused') => {
      // What comes when a cheaper one was found already does not change what was decided.
      if (!open) return
      pending.delete(island)
      asked.set(island, state)
      current.set(island, judge(facts))
      if (state === 'accepted' && best()?.facts.island === island) bestTook = timers.now() - started
      wake()
    }
    for (const { facts } of batch) {
      void components.ask(facts.island).then(
        (answer) => settle(facts.island, told(facts, answer, components), answer.accepts ? 'accepted' : 'refused'),
        (error: unknown) => settle(facts.island, unanswered(facts, error), 'refused'),
      )
    }
    try {
      while (pending.size > 0) {
        if (signal.aborted) throw new ArchipelError('CANCELLED', 'the placement was cancelled')
        const yes = best()
        const elapsed = timers.now() - started
        const leave = yes === undefined ? Number.POSITIVE_INFINITY : leaveAt(yes, [...pending.values()], bestTook)
        if (elapsed >= leave) break
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        const cancel = Number.isFinite(leave) ? timers.after(leave - elapsed, wake) : () => {}
        signal.addEventListener('abort', wake, { once: true })
        await woken.promise
        signal.removeEventListener('abort', wake)
        cancel()
      }
      if (signal.aborted) throw new ArchipelError('CANCELLED', 'the placement was cancelled')
    } finally {
      open = false
    }
    for (const island of pending.keys()) asked.set(island, { silentMs: timers.now() - started })
  }
}

/**
 * Milliseconds after which the others need not be waited for: whoever has not answered by then is so far away that it cannot
 * be cheaper; or it was not expected to be cheaper, and had twice the time that the best took.
 */
function leaveAt(yes: Verdict, pending: Verdict[], bestTook: number): number {
  const tooFar = (yes.seconds * 1000) / ROUND_TRIPS
  const dearer = pending.every((v) => v.seconds >= yes.seconds)
  return dearer ? Math.min(tooFar, 2 * bestTook + GRACE_MS) : tooFar
}

/** The island's own word replaces what was thought of it. */
function told(facts: Facts, answer: ConfirmAnswer, components: RoundsComponents): Facts {
  const now: Facts = {
    ...facts,
    answer,
    link: components.linkOf(facts.island),
    queue: {
      waitMs: answer.queueWaitMs,
      reason: `${answer.running} running, ${answer.waiting} waiting, ${answer.slots} at once, as it says`,
    },
  }
  if (answer.startMs !== undefined) now.engine = { startMs: answer.startMs, measured: 'there' }
  if (!answer.accepts) {
    const code = isErrorCode(answer.code) ? answer.code : 'NO_HOLDER'
    now.refusal = { code, reason: answer.reason }
  }
  return now
}

function unanswered(facts: Facts, cause: unknown): Facts {
  const error = toArchipelError(cause)
  return { ...facts, refusal: { code: error.code, reason: `did not confirm: ${error.message}` } }
}
