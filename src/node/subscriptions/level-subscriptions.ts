import { z } from 'zod'
import { knownProblem } from '../../protocols/model/parts.ts'
import { subscriptionView } from '../../protocols/model/subscription.ts'
import type { BucketChange, StorePort } from '../store/port.ts'
import type { Met, Subscription, SubscriptionStore } from './port.ts'

const stored = subscriptionView
  .omit({ datasets: true, recent: true })
  .extend({ problem: knownProblem.optional(), created: z.number() })
const met = z.object({
  publisher: z.string(),
  dataset: z.string(),
  name: z.string(),
  version: z.string(),
  state: z.enum(['known', 'wanted', 'asked', 'here', 'skipped', 'failed', 'withdrawn']),
  transfer: z.string().optional(),
  problem: knownProblem.optional(),
  at: z.number(),
})

/** Entries deleted at once. */
const BATCH = 1000
const keyOf = (id: string, { publisher, dataset }: Met) => `met/${id}/${publisher}/${dataset}`
const ofOne = (id: string) => ({ from: `met/${id}/`, below: `met/${id}0` })

/** Subscriptions, and what each has met, in the island's store. An entry that cannot be read is left out, and told. */
export function levelSubscriptions(store: StorePort, onBroken: (key: string) => void = () => {}): SubscriptionStore {
  const bucket = store.bucket('subscriptions')

  async function* read<T>(schema: z.ZodType<T>, range: { from: string; below: string }): AsyncGenerator<T> {
    for await (const [key, text] of bucket.entries(range)) {
      const parsed = schema.safeParse(JSON.parse(text))
      if (parsed.success) yield parsed.data
      else onBroken(key)
    }
  }

  return {
    async all() {
      const found: { subscription: Subscription; met: Met[] }[] = []
      for await (const subscription of read<Subscription>(stored, { from: 'one/', below: 'one0' })) {
        const entries: Met[] = []
        for await (const each of read<Met>(met, ofOne(subscription.id))) entries.push(each)
        found.push({ subscription, met: entries })
      }
      return found
    },
    commit: (subscription, entries = []) =>
      store.batch([
        { bucket: 'subscriptions', key: `one/${subscription.id}`, value: JSON.stringify(subscription) },
        ...entries.map(
          (each): BucketChange => ({
            bucket: 'subscriptions',
            key: keyOf(subscription.id, each),
            value: JSON.stringify(each),
          }),
        ),
      ]),
    async forget(id) {
      // The subscription first: what a crash leaves of the others is never read again.
      await bucket.delete(`one/${id}`)
      const batch: BucketChange[] = []
      for await (const [key] of bucket.entries(ofOne(id))) {
        batch.push({ bucket: 'subscriptions', key, value: null })
        if (batch.length >= BATCH) await store.batch(batch.splice(0))
      }
      await store.batch(batch)
    },
  }
}
