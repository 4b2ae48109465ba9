/** Asking for what a subscription wants, one dataset after the other. */
import { ArchipelError, type ErrorInfo, problemOf, toArchipelError } from '../../protocols/model/errors.ts'
import type { TransferView } from '../../protocols/model/transfer.ts'
import type { Met, Subscription, SubscriptionsComponents } from './port.ts'

/** What asking came to. `full`: nothing more can be asked for until somebody makes room. */
export type Asked =
  | { type: 'asked'; transfer: TransferView; bytes: number }
  | { type: 'here' | 'skipped' }
  | { type: 'full' | 'failed' | 'later'; problem: ErrorInfo }

const FULL = new Set(['QUOTA_EXCEEDED', 'DISK_FULL'])

function beyond({ id, maxBytes, bytes }: Subscription, more: number): ArchipelError {
  return new ArchipelError(
    'QUOTA_EXCEEDED',
    `the subscription may ask for ${maxBytes} bytes in all; it asked for ${bytes}, and the next dataset has ${more}`,
    { hint: `Raise the bound: archipel subscriptions resume ${id} --max-bytes <size>.` },
  )
}

/**
 * @param doubtful it may have been asked for before a crash: a transfer of it that is known is the one
 * @throws only what `signal` aborts with
 */
export async function askFor(
  subscription: Subscription,
  met: Met,
  doubtful: boolean,
  replicas: SubscriptionsComponents['replicas'],
  signal: AbortSignal,
): Promise<Asked> {
  const { files, maxBytes, user } = subscription
  const request = { ref: `${met.dataset}@${met.publisher}`, version: met.version, files }
  try {
    const before = doubtful ? replicas.list().find((each) => isOf(each, met, subscription)) : undefined
    if (before !== undefined) return { type: 'asked', transfer: before, bytes: before.wanted.bytes }
    if (maxBytes !== undefined) {
      const { missing } = await replicas.plan(request, { signal })
      if (subscription.bytes + missing.bytes > maxBytes) throw beyond(subscription, missing.bytes)
    }
    const transfer = await replicas.get(request, { user, by: `subscription ${subscription.id}`, signal })
    return { type: 'asked', transfer, bytes: Math.max(0, transfer.wanted.bytes - transfer.done.bytes) }
  } catch (cause) {
    signal.throwIfAborted()
    const error = toArchipelError(cause)
    if (error.code === 'DATASET_EXISTS') return { type: 'here' }
    if (error.code === 'NOT_FOUND' && files.length > 0) return { type: 'skipped' }
    const type = FULL.has(error.code)
      ? 'full'
      : error.retryable || error.code === 'NOT_FOUND' || error.code === 'INTERNAL'
        ? 'later'
        : 'failed'
    return { type, problem: problemOf(error) }
  }
}

function isOf(transfer: TransferView, met: Met, { user, files }: Subscription): boolean {
  return (
    transfer.dataset === met.dataset &&
    transfer.publisher.id === met.publisher &&
    transfer.version === met.version &&
    transfer.user === user &&
    transfer.to === undefined &&
    transfer.files.join('\n') === [...new Set(files)].sort().join('\n') &&
    Date.parse(transfer.created) >= met.at
  )
}
