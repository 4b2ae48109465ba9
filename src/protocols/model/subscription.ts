/** Words about subscriptions: datasets that are fetched as they appear. */
import { z } from 'zod'
import { named, problemView } from './parts.ts'
import { datasetSelection, givenSelection } from './selection.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, transferState } from './transfer.ts'

/** Subscriptions of one island. */
export const MAX_SUBSCRIPTIONS = 100

/** What is asked for when one subscribes. */
export const subscriptionRequest = z.strictObject({
  filter: givenSelection.describe(
    'Which datasets: as the search of datasets, island is who publishes or holds them. At least one condition.',
  ),
  files: z
    .array(z.string().min(1).max(MAX_GLOB_LENGTH))
    .max(MAX_GLOBS)
    .optional()
    .describe('Patterns of paths, `**` for any folders; all files when absent.'),
  fromStart: z.boolean().optional().describe('Also those that are known now; only later ones when absent.'),
  maxBytes: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Bytes that it may ask for in all; before it would ask for more it is paused. No bound when absent.'),
})
export type SubscriptionRequest = z.infer<typeof subscriptionRequest>

/**
 * What became of a dataset: `known` before the subscription, which leaves it; `waiting` for a holder, or for the subscription
 * to go on; the states of its transfer; `here` before; `skipped`: none of its files is asked for; `withdrawn` before it was
 * fetched; `gone`: dropped since.
 */
export const subscribedState = z.enum([
  'known',
  'waiting',
  ...transferState.options,
  'here',
  'skipped',
  'withdrawn',
  'gone',
])
export type SubscribedState = z.infer<typeof subscribedState>

/** One dataset that a subscription has met, in the version it met last. */
export const subscribedDataset = z.object({
  dataset: z.string(),
  /** Short name. */
  name: z.string(),
  publisher: named,
  version: z.string(),
  state: subscribedState,
  /** Id of the transfer that was asked for. */
  transfer: z.string().optional(),
  /** Why it waits or failed. */
  problem: problemView.optional(),
  /** ISO instant of the last change by the subscription. */
  at: z.string(),
})
export type SubscribedDataset = z.infer<typeof subscribedDataset>

/** A subscription, for people. */
export const subscriptionView = z.object({
  id: z.string(),
  filter: datasetSelection,
  files: z.array(z.string()),
  fromStart: z.boolean(),
  maxBytes: z.number().optional(),
  user: z.string(),
  state: z.enum(['active', 'paused']),
  /** Why it was paused, where nobody asked for that. */
  problem: problemView.optional(),
  created: z.string(),
  /** Datasets that match, by what became of them; states without any are left out. */
  datasets: z.partialRecord(subscribedState, z.number().int()),
  /** Bytes asked for since it was made, those of ended transfers too. */
  bytes: z.number(),
  /** The last ones that changed, of one that is shown alone. */
  recent: z.array(subscribedDataset).optional(),
})
export type SubscriptionView = z.infer<typeof subscriptionView>

export const subscriptionPage = z.object({
  items: z.array(subscriptionView),
  total: z.number().int(),
  next: z.string().optional(),
})
export type SubscriptionPage = z.infer<typeof subscriptionPage>

/** What a subscription would begin with. */
export const subscriptionPlan = z.object({
  /** Datasets known now that match, without own ones. */
  matching: z.object({ datasets: z.number().int(), bytes: z.number() }),
  /** Of these, those that would be fetched now; whole datasets are counted, whatever files are chosen. */
  fetched: z.object({ datasets: z.number().int(), bytes: z.number() }),
  /** Some of those that match, in the order of the catalog. */
  items: z.array(z.object({ dataset: z.string(), name: z.string(), publisher: named, bytes: z.number() })),
})
export type SubscriptionPlan = z.infer<typeof subscriptionPlan>

/** Why a dataset is one of a subscription or is not, and what became of it. */
export const subscriptionExplanation = z.object({
  dataset: z.string(),
  name: z.string(),
  publisher: named,
  version: z.string(),
  matches: z.boolean(),
  /** Conditions that it does not meet. */
  misses: z.array(z.string()),
  /** Published here: it is never fetched. */
  own: z.boolean(),
  /** In a sentence. */
  reason: z.string(),
  /** What the subscription did about it, if it has met it. */
  met: subscribedDataset.optional(),
})
export type SubscriptionExplanation = z.infer<typeof subscriptionExplanation>
