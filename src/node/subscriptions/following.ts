/** One subscription: what it has met, and what it makes of a dataset. Decides and remembers; asks nobody. */
import { datasetTest } from '../../protocols/metadata/dataset-test.ts'
import { TRANSFER_ENDS } from '../../protocols/model/transfer.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import type { Met, Subscription, SubscriptionsComponents, TransferOf } from './port.ts'

/** Milliseconds before the second try of one that nobody gives now, and the most between two. */
const FIRST_WAIT_MS = 1_000
const MAX_WAIT_MS = 60_000

export const claimKey = (publisher: string, dataset: string) => `${publisher}/${dataset}`
export const keyOfMet = ({ publisher, dataset }: Met) => claimKey(publisher, dataset)

export interface Following {
  subscription: Subscription
  readonly met: ReadonlyMap<string, Met>
  misses(view: DatasetView): string[]
  /** To be looked at again when a holder of the claim comes or goes. */
  readonly byHolder: boolean
  put(met: Met): void
  /** Wanted before this process began, or of unknown outcome: it may have been asked for. */
  doubtful(met: Met): boolean
  doubt(met: Met): void
  /** The next to be asked for; a number: milliseconds until then; undefined: none. */
  next(now: number): Met | number | undefined
  /** Not now. */
  later(met: Met, now: number): void
  /** Now. */
  nudge(key: string): void
}

export function following(subscription: Subscription, before: readonly Met[]): Following {
  const met = new Map(before.map((each) => [keyOfMet(each), each]))
  const doubtful = new Set(before.filter((each) => each.state === 'wanted'))
  /** In the order in which they were wanted. */
  const wanted = new Map(
    before
      .filter((each) => each.state === 'wanted')
      .sort((a, b) => a.at - b.at)
      .map((each) => [keyOfMet(each), { due: 0, waitMs: FIRST_WAIT_MS }]),
  )
  return {
    subscription,
    met,
    misses: datasetTest(subscription.filter),
    byHolder: subscription.filter.island !== undefined,
    put(next) {
      const key = keyOfMet(next)
      const same = met.get(key)?.version === next.version && wanted.has(key)
      met.set(key, next)
      if (next.state !== 'wanted') wanted.delete(key)
      else if (!same) wanted.set(key, { due: 0, waitMs: FIRST_WAIT_MS })
    },
    doubtful: (each) => doubtful.has(each),
    doubt: (each) => void doubtful.add(each),
    next(now) {
      let soonest: number | undefined
      for (const [key, { due }] of wanted) {
        if (due <= now) return met.get(key)
        soonest = Math.min(soonest ?? due, due)
      }
      return soonest === undefined ? undefined : soonest - now
    },
    later(each, now) {
      const turn = wanted.get(keyOfMet(each))
      if (turn === undefined) return
      turn.due = now + turn.waitMs
      turn.waitMs = Math.min(MAX_WAIT_MS, turn.waitMs * 2)
    },
    nudge(key) {
      const turn = wanted.get(key)
      if (turn !== undefined) turn.due = 0
    },
  }
}

/** What is to be remembered of a dataset now, and a transfer that is of no use any more. */
export interface Verdict {
  met?: Met
  cancel?: string
}

/** @param view undefined: it is withdrawn */
export function judge(
  one: Following,
  before: Met | undefined,
  view: DatasetView | undefined,
  now: { at: number; transferOf: TransferOf; heldState: SubscriptionsComponents['heldState'] },
): Verdict {
  const transfer = before?.state === 'asked' && before.transfer !== undefined ? before.transfer : undefined
  const running = transfer === undefined ? undefined : now.transferOf(transfer)
  const cancel = running === undefined || TRANSFER_ENDS.has(running.state) ? {} : { cancel: transfer! }
  const { at } = now
  if (view === undefined) {
    if (before === undefined || (before.state !== 'wanted' && cancel.cancel === undefined)) return {}
    const { problem: _, ...rest } = before
    return { met: { ...rest, state: 'withdrawn', at }, ...cancel }
  }
  const { version, name } = view.body
  if (before?.version === version && before.state !== 'withdrawn') return {}
  const next: Met = { publisher: view.publisher.id, dataset: view.id, name, version, state: 'wanted', at }
  if (one.misses(view).length > 0)
    return before === undefined || before.state === 'known' || before.state === 'skipped'
      ? {}
      : { met: { ...next, state: 'skipped' }, ...cancel }
  if (now.heldState(next.publisher, next.dataset, version) === 'available') next.state = 'here'
  return { met: next, ...cancel }
}
