import { toArchipelError } from '../../../protocols/model/errors.ts'
import { pause } from '../clock.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import type { ProviderComponents } from './components.ts'
import type { HeldAttempt } from './held.ts'

const MAX_CLAIMED = 256
const CALL_MS = 10_000
/** Requesters take up their attempts by themselves after a start: only what they leave is asked about. */
const GRACE_MS = 2_000

/** Asks requesters what becomes of attempts that nobody watches: at the start, when a requester is back, and every round. */
export function claimer(
  init: { claimMs: number; stopping: AbortSignal },
  components: Pick<ProviderComponents, 'clock' | 'remotes' | 'logger'> & {
    held: Iterable<HeldAttempt>
    drop(attempt: ProvidedAttempt): Promise<unknown>
  },
) {
  const { clock, remotes } = components
  let unsubscribe = () => {}
  const asking = new Set<string>()

  function unwatched(): Map<string, HeldAttempt[]> {
    const found = new Map<string, HeldAttempt[]>()
    for (const attempt of components.held) {
      if (attempt.watchers > 0) continue
      const { requester } = attempt.record
      const list = found.get(requester) ?? []
      list.push(attempt)
      found.set(requester, list)
    }
    return found
  }

  async function ask(requester: string, attempts: HeldAttempt[]): Promise<void> {
    if (asking.has(requester)) return
    asking.add(requester)
    const late = new AbortController()
    const cancel = clock.after(CALL_MS, () => late.abort())
    try {
      for (let i = 0; i < attempts.length; i += MAX_CLAIMED) {
        const part = attempts.slice(i, i + MAX_CLAIMED)
        const request = {
          attempts: part.map(({ record }) => ({ task: record.task, attempt: record.attempt, state: record.state })),
        }
        const signal = AbortSignal.any([init.stopping, late.signal])
        const { verdicts } = await remotes.claim(requester, request, { signal })
        for (const [n, attempt] of part.entries()) if (verdicts[n] === 'drop') await components.drop(attempt.record)
      }
    } catch (cause) {
      components.logger.debug({ island: requester, code: toArchipelError(cause).code }, 'a requester did not answer')
    } finally {
      cancel()
      asking.delete(requester)
    }
  }

  async function rounds(): Promise<void> {
    await pause(clock, Math.min(GRACE_MS, init.claimMs), init.stopping)
    while (!init.stopping.aborted) {
      await Promise.all([...unwatched()].map(([requester, attempts]) => ask(requester, attempts)))
      await pause(clock, init.claimMs, init.stopping)
    }
  }

  return {
    start() {
      unsubscribe = remotes.onReady((island) => {
        const attempts = unwatched().get(island)
        if (attempts !== undefined) void ask(island, attempts)
      })
      void rounds()
    },
    stop() {
      unsubscribe()
    },
  }
}
