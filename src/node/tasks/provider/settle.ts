import { requesterOf } from '../../../protocols/model/task.ts'
import { keys, type ProvidedAttempt } from '../store/records.ts'
import { keepAttempt, orderOf } from '../store/task-store.ts'
import type { ProviderComponents } from './components.ts'
import { type HeldAttempt, type HeldAttempts, hasEnded } from './held.ts'
import type { Runner } from './run.ts'

const MAX_KEPT_CODE = 16 * 1024

export type StateBefore = ProvidedAttempt['state'] | 'unknown'

/** How attempts are cancelled, acknowledged and dropped. */
export function settling(
  components: Pick<ProviderComponents, 'clock' | 'store'> & {
    held: HeldAttempts
    forgetResult: Runner['forgetResult']
    onSettled(): void
  },
) {
  const { clock, store, held, forgetResult, onSettled } = components
  const { order } = held

  /** The requester is done with an attempt, or wants it no more. @returns the state before */
  async function settle(task: string, attempt: number, op: 'acknowledge' | 'drop'): Promise<StateBefore> {
    return await order.run(task, async () => {
      const known = held.get(task, attempt)
      if (known === undefined) {
        const kept = await store.attempt(task, attempt)
        if (kept !== undefined) return kept.settled === 'dropped' && kept.user === '' ? 'unknown' : kept.state
        if (op === 'drop') await refuseLater(task, attempt)
        return 'unknown'
      }
      const before = known.record.state
      const settled = op === 'acknowledge' && hasEnded(known.record) ? 'acknowledged' : 'dropped'
      const record: ProvidedAttempt = { ...known.record, settled }
      // Of what counted, short code is kept to be shown.
      const kept = settled === 'acknowledged' && (known.work?.code.length ?? MAX_KEPT_CODE) < MAX_KEPT_CODE
      await store.write('provider:settled', [
        ...keepAttempt(record),
        ...(kept ? [] : [{ key: keys.attemptWork(task, attempt), value: null }]),
      ])
      known.record = record
      await release(known, settled)
      onSettled()
      return before
    })
  }

  /** Nothing is known of it, and nothing of it shall begin should it come yet. */
  async function refuseLater(task: string, attempt: number): Promise<void> {
    const now = clock.now()
    const record: ProvidedAttempt = {
      v: 1,
      task,
      attempt,
      requester: requesterOf(task),
      user: '',
      kind: 'sql',
      state: 'cancelled',
      created: now,
      ended: now,
      leaseMs: 0,
      atMostOnce: false,
      logBytes: 0,
      codeSha256: '',
      workSha256: '',
      datasets: [],
      settled: 'dropped',
    }
    await store.write('provider:settled', [...keepAttempt(record), { key: orderOf(record), value: 1 }])
    onSettled()
  }

  /** Out of memory, and out of the spool unless that is the requester's own. */
  async function release(attempt: HeldAttempt, settled: 'acknowledged' | 'dropped'): Promise<void> {
    held.remove(attempt)
    attempt.stop.abort()
    attempt.place?.leave()
    held.show(attempt, { settled })
    await forgetResult(attempt.record)
  }

  async function cancel(task: string, attempt: number): Promise<StateBefore> {
    const known = held.get(task, attempt)
    if (known === undefined) return (await store.attempt(task, attempt))?.state ?? 'unknown'
    const before = known.record.state
    if (hasEnded(known.record) || known.record.cancelRequested === true) return before
    await order.run(task, async () => {
      if (hasEnded(known.record) || known.record.settled !== undefined) return
      const record = { ...known.record, cancelRequested: true }
      await store.write('provider:cancel', keepAttempt(record))
      held.show(known, { cancelRequested: true })
    })
    known.stop.abort()
    return before
  }

  return { settle, release, cancel }
}
