/** Subscriptions as people see them: what they have met, with what became of it. */
import type {
  SubscribedDataset,
  SubscribedState,
  SubscriptionExplanation,
  SubscriptionView,
} from '../../protocols/model/subscription.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import type { Met, Subscription, SubscriptionsComponents, TransferOf } from './port.ts'

/** Datasets of one that is shown alone. */
const RECENT = 50

export function subscriptionViews({
  nameOf,
  heldState,
  replicas,
}: Pick<SubscriptionsComponents, 'nameOf' | 'heldState' | 'replicas'>) {
  /** Of all transfers, looked up once. */
  function transfersNow(): TransferOf {
    const all = new Map(replicas.list().map((each) => [each.id, each]))
    return (id) => all.get(id)
  }

  function stateOf(met: Met, transferOf: TransferOf): SubscribedState {
    if (met.state === 'wanted') return 'waiting'
    if (met.state !== 'asked') return met.state
    const transfer = met.transfer === undefined ? undefined : transferOf(met.transfer)
    const held = heldState(met.publisher, met.dataset, met.version)
    const ended = transfer === undefined || transfer.state === 'available' || transfer.state === 'partial'
    if (!ended) return transfer.state
    return held === 'available' || held === 'partial' ? held : 'gone'
  }

  function datasetOf(met: Met, transferOf: TransferOf): SubscribedDataset {
    const problem = met.problem ?? (met.transfer === undefined ? undefined : transferOf(met.transfer)?.problem)
    return {
      dataset: met.dataset,
      name: met.name,
      publisher: { id: met.publisher, name: nameOf(met.publisher) },
      version: met.version,
      state: stateOf(met, transferOf),
      ...(met.transfer === undefined ? {} : { transfer: met.transfer }),
      ...(problem === undefined ? {} : { problem }),
      at: new Date(met.at).toISOString(),
    }
  }

  return {
    transfersNow,
    view(subscription: Subscription, all: Iterable<Met>, transferOf = transfersNow()): SubscriptionView {
      const datasets: Partial<Record<SubscribedState, number>> = {}
      for (const met of all) {
        const state = stateOf(met, transferOf)
        datasets[state] = (datasets[state] ?? 0) + 1
      }
      const { created, bytes, ...rest } = subscription
      return { ...rest, created: new Date(created).toISOString(), datasets, bytes }
    },
    recent(all: Iterable<Met>, transferOf = transfersNow()): SubscribedDataset[] {
      const newest = [...all].sort((a, b) => b.at - a.at).slice(0, RECENT)
      return newest.map((met) => datasetOf(met, transferOf))
    },
    explanation(
      subscription: Subscription,
      of: { met: Met | undefined; view: DatasetView | undefined; misses: string[]; own: boolean },
    ): SubscriptionExplanation {
      const met = of.met === undefined ? undefined : datasetOf(of.met, transfersNow())
      const { id, name, publisher, version } =
        of.view === undefined
          ? { id: met!.dataset, name: met!.name, publisher: met!.publisher, version: met!.version }
          : { id: of.view.id, name: of.view.body.name, publisher: of.view.publisher, version: of.view.body.version }
      return {
        dataset: id,
        name,
        publisher,
        version,
        matches: of.view !== undefined && of.misses.length === 0,
        misses: of.misses,
        own: of.own,
        reason: reasonOf(subscription, { ...of, shown: met }),
        ...(met === undefined ? {} : { met }),
      }
    },
  }
}

function reasonOf(
  { state }: Subscription,
  of: { view: DatasetView | undefined; misses: string[]; own: boolean; shown: SubscribedDataset | undefined },
): string {
  if (of.own) return 'this island publishes it itself'
  if (of.view === undefined) return `its publisher has withdrawn it; before that it was ${of.shown?.state}`
  if (of.shown !== undefined && of.shown.version === of.view.body.version) return wordsOf(of.shown)
  if (of.misses.length > 0) return `it does not meet ${of.misses.join(', ')}`
  if (state === 'paused') return 'the subscription is paused, and looks at it when it goes on'
  return 'it matches, and will be looked at in a moment'
}

function wordsOf({ state, problem, transfer }: SubscribedDataset): string {
  const why = problem === undefined ? '' : `: ${problem.message}`
  if (state === 'known') return 'it was known before the subscription was made, which takes later ones only'
  if (state === 'waiting') return `it is to be fetched and waits${why}`
  if (state === 'here') return 'all of it was here before'
  if (state === 'skipped') return 'none of its files is asked for'
  if (state === 'withdrawn') return 'its publisher withdrew it before it was fetched'
  if (state === 'gone') return 'it was fetched, and dropped since'
  if (state === 'failed' && transfer === undefined) return `it cannot be fetched${why}`
  return `its transfer ${transfer ?? ''} is ${state}${why}`
}
