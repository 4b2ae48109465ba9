/** Subscriptions of this island: kept, followed, paused and removed. */
import { setImmediate as breath } from 'node:timers/promises'
import { datasetTest } from '../../protocols/metadata/dataset-test.ts'
import { type DatasetBody, replicaBody } from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { descending, pageOf } from '../../protocols/model/paging.ts'
import {
  MAX_SUBSCRIPTIONS,
  type SubscriptionPlan,
  type SubscriptionRequest,
  type SubscriptionView,
} from '../../protocols/model/subscription.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { CatalogChange } from '../catalog/port.ts'
import { type Asked, askFor } from './asking.ts'
import { claimKey, type Following, following, judge, keyOfMet } from './following.ts'
import type { Met, Subscription, SubscriptionsComponents, SubscriptionsPort } from './port.ts'
import { subscriptionViews } from './views.ts'

const PAGE = 100
/** Entries of one commit. */
const BATCH = 200
/** Changes that wait to be looked at; where there are more, the whole catalog is looked at. */
const MAX_PENDING = 10_000
/** Matches that a plan names. */
const PLANNED = 100

/** @see SubscriptionsPort */
export function subscriptions({ self }: { self: string }, components: SubscriptionsComponents): SubscriptionsPort {
  const { store, catalog, replicas, heldState, policy, journal, logger } = components
  const views = subscriptionViews(components)
  const all = new Map<string, Following>()
  const stopping = new AbortController()
  const asking = new Map<string, { ended: Promise<void>; timer?: NodeJS.Timeout }>()
  let off = () => {}
  let up = false
  /** Claims that changed, publishers that went, and whether there were too many to name. */
  let pending = new Set<string>()
  let everything = false
  /** One change of what is remembered at a time. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work)
    turn = next.catch(() => {})
    return next
  }

  function get(id: string): Following {
    const one = all.get(id)
    if (one === undefined)
      throw new ArchipelError('SUBSCRIPTION_NOT_FOUND', `this island has no subscription ${id.slice(0, 100)}`)
    return one
  }

  async function keep(one: Following, subscription: Subscription, met: readonly Met[] = []): Promise<void> {
    await store.commit(subscription, met)
    one.subscription = subscription
    for (const each of met) one.put(each)
  }

  const active = () => [...all.values()].filter((one) => one.subscription.state === 'active')

  // What is there: looking at datasets.

  function onChange(changes: CatalogChange[]): void {
    const ones = active()
    if (ones.length === 0) return
    for (const change of changes) {
      if (change.type === 'dropped') {
        for (const one of ones)
          for (const met of one.met.values()) if (met.publisher === change.origin) pending.add(keyOfMet(met))
      } else if (change.type === 'withdrawn') {
        if (change.kind === 'dataset') pending.add(claimKey(change.origin, change.id))
      } else if (change.record.kind === 'dataset') pending.add(claimKey(change.record.origin, change.record.id))
      else if (change.record.kind === 'replica') onHolder(change.record, ones)
    }
    if (pending.size > MAX_PENDING) {
      everything = true
      pending.clear()
    }
    void inTurn(drain).catch(unexpected)
  }

  /** A holder may make a dataset match, or give one that nobody gave. */
  function onHolder(record: SignedRecord, ones: Following[]): void {
    const body = replicaBody.safeParse(record.body)
    if (!body.success) return
    const key = claimKey(body.data.publisher, body.data.dataset)
    if (ones.some((one) => one.byHolder)) pending.add(key)
    for (const one of ones) {
      one.nudge(key)
      ask(one)
    }
  }

  async function drain(): Promise<void> {
    if (everything) {
      everything = false
      pending.clear()
      for (const one of active()) await scan(one)
      return
    }
    const keys = pending
    if (keys.size === 0) return
    pending = new Set()
    for (const one of active()) await look(one, keys)
  }

  async function look(one: Following, keys: Iterable<string>): Promise<void> {
    const found = async function* () {
      for (const key of keys) {
        const publisher = key.slice(0, key.indexOf('/'))
        const dataset = key.slice(publisher.length + 1)
        yield { key, record: await catalog.get('dataset', dataset, publisher) }
      }
    }
    await consider(one, found())
  }

  /** The whole catalog, and what was met and is not there any more. */
  async function scan(one: Following): Promise<void> {
    const seen = new Set<string>()
    const found = async function* () {
      for await (const record of catalog.list('dataset')) {
        const key = claimKey(record.origin, record.id)
        seen.add(key)
        yield { key, record }
      }
      for (const key of [...one.met.keys()]) if (!seen.has(key)) yield { key, record: undefined }
    }
    await consider(one, found())
  }

  async function consider(
    one: Following,
    found: AsyncIterable<{ key: string; record: SignedRecord | undefined }>,
  ): Promise<void> {
    const transferOf = views.transfersNow()
    let batch: Met[] = []
    const cancel: string[] = []
    const flush = async () => {
      if (batch.length > 0) await keep(one, one.subscription, batch)
      batch = []
    }
    let looked = 0
    for await (const { key, record } of found) {
      if (stopping.signal.aborted) return
      if (++looked % BATCH === 0) await breath()
      if (record?.origin === self) continue
      const before = one.met.get(key)
      // The catalog tells of records only whose bodies fit their kind.
      if (before !== undefined && before.state !== 'withdrawn' && versionOf(record) === before.version) continue
      const view = record === undefined ? undefined : components.viewOf(record)
      if (record !== undefined && view === undefined) continue
      const verdict = judge(one, before, view, { at: Date.now(), transferOf, heldState })
      if (verdict.met !== undefined) batch.push(verdict.met)
      if (verdict.cancel !== undefined) cancel.push(verdict.cancel)
      if (batch.length >= BATCH) await flush()
    }
    await flush()
    for (const id of cancel) await drop(id)
    ask(one)
  }

  const versionOf = (record: SignedRecord | undefined) => (record?.body as DatasetBody | undefined)?.version

  /** What it has brought stays. */
  async function drop(transfer: string): Promise<void> {
    await replicas.cancel(transfer).catch((error: unknown) => {
      logger.debug({ err: error, transfer }, 'a transfer of a version that is gone was not cancelled')
    })
  }

  // What is wanted: asking for it, one after the other.

  function ask(one: Following): void {
    const { id, state } = one.subscription
    if (!up || stopping.signal.aborted || state !== 'active' || all.get(id) !== one) return
    const now = asking.get(id)
    if (now?.timer !== undefined) clearTimeout(now.timer)
    else if (now !== undefined) return
    const next = one.next(Date.now())
    if (next === undefined) {
      asking.delete(id)
      return
    }
    if (typeof next === 'number') {
      const timer = setTimeout(() => ask(one), next)
      asking.set(id, { ended: Promise.resolve(), timer })
      return
    }
    const ended = step(one, next)
      .catch((error: unknown) => {
        // It was asked for, perhaps, and that could not be written down.
        one.doubt(next)
        one.later(next, Date.now())
        unexpected(error)
      })
      .then(() => {
        asking.delete(id)
        ask(one)
      })
    asking.set(id, { ended })
  }

  async function step(one: Following, met: Met): Promise<void> {
    const asked = await askFor(one.subscription, met, one.doubtful(met), replicas, stopping.signal)
    await inTurn(() => settle(one, met, asked))
  }

  /** @param met as it was when it was asked for: it may be another version by now */
  async function settle(one: Following, met: Met, asked: Asked): Promise<void> {
    if (all.get(one.subscription.id) !== one) return
    const now = one.met.get(keyOfMet(met))
    const { subscription } = one
    if (now !== met) {
      if (asked.type === 'asked') await drop(asked.transfer.id)
      return
    }
    const at = Date.now()
    const { problem: _, ...rest } = met
    if (asked.type === 'asked') {
      const next: Met = { ...rest, state: 'asked', transfer: asked.transfer.id, at }
      await keep(one, { ...subscription, bytes: subscription.bytes + asked.bytes }, [next])
      return
    }
    if (!('problem' in asked)) return await keep(one, subscription, [{ ...rest, state: asked.type, at }])
    const { problem } = asked
    if (asked.type === 'failed') return await keep(one, subscription, [{ ...rest, state: 'failed', problem, at }])
    one.later(met, at)
    if (asked.type === 'full') {
      logger.warn({ subscription: subscription.id, code: problem.code }, 'a subscription is paused')
      if (subscription.state === 'active') await keep(one, { ...subscription, state: 'paused', problem })
      const { id, user } = subscription
      const entry = { actor: `${user}@${self}`, action: 'subscription:pause', subject: id }
      journal.write({ ...entry, outcome: 'failed', code: problem.code })
      return
    }
    // Told once: each try would be a write.
    if (met.problem?.code === problem.code) return
    const waiting = { ...met, problem }
    await keep(one, subscription, [waiting])
    one.later(waiting, at)
  }

  function unexpected(error: unknown): void {
    if (!stopping.signal.aborted) logger.error({ err: error }, 'a subscription could not go on')
  }

  function journalled<T>(action: string, id: string, user: string, work: () => Promise<T>): Promise<T> {
    return withJournal(journal, { actor: `${user}@${self}`, action, subject: id }, work)
  }

  // What people ask.

  function checked({ filter, ...rest }: SubscriptionRequest): SubscriptionRequest {
    const given = Object.fromEntries(
      Object.entries(filter).filter(([, value]) => value !== undefined && value !== '' && !isEmpty(value)),
    )
    if (Object.keys(given).length === 0)
      throw new ArchipelError('BAD_INPUT', 'a subscription has at least one condition', {
        hint: 'Say what you want, as for `archipel datasets`; minSize=0 is met by every dataset.',
      })
    // Where a cone is none, it says so.
    datasetTest(given)
    return { ...rest, filter: given }
  }

  async function* matching({ filter }: SubscriptionRequest) {
    const misses = datasetTest(filter)
    let looked = 0
    for await (const record of catalog.list('dataset')) {
      if (++looked % BATCH === 0) await breath()
      if (record.origin === self) continue
      const view = components.viewOf(record)
      if (view !== undefined && misses(view).length === 0) yield view
    }
  }

  async function create(asked: SubscriptionRequest, user: string): Promise<SubscriptionView> {
    const request = checked(asked)
    policy.check({ island: self, user, action: 'subscription:create' })
    if (all.size >= MAX_SUBSCRIPTIONS)
      throw new ArchipelError('TOO_MANY', `this island has ${MAX_SUBSCRIPTIONS} subscriptions already`, {
        hint: 'Remove one: archipel subscriptions remove <id>.',
      })
    const created = Date.now()
    const subscription: Subscription = {
      id: components.newId(),
      filter: request.filter,
      files: [...new Set(request.files ?? [])].sort(),
      fromStart: request.fromStart ?? false,
      ...(request.maxBytes === undefined ? {} : { maxBytes: request.maxBytes }),
      user,
      state: 'active',
      bytes: 0,
      created,
    }
    const known: Met[] = []
    // What is known now is no news, also after a crash: it is kept together with the subscription.
    if (!subscription.fromStart)
      for await (const { id, publisher, body } of matching(request))
        known.push({
          publisher: publisher.id,
          dataset: id,
          name: body.name,
          version: body.version,
          state: 'known',
          at: created,
        })
    return await journalled('subscription:create', subscription.id, user, async () => {
      await store.commit(subscription, known)
      const one = following(subscription, known)
      all.set(subscription.id, one)
      // What came while the others were read is looked at, too.
      await scan(one)
      return shown(one)
    })
  }

  async function change(id: string, user: string, action: string, work: (one: Following) => Promise<void>) {
    return await inTurn(async () => {
      const one = get(id)
      policy.check({ island: self, user, action: 'subscription:change' })
      await journalled(action, id, user, () => work(one))
      return shown(one)
    })
  }

  const shown = (one: Following): SubscriptionView => ({
    ...views.view(one.subscription, one.met.values()),
    recent: views.recent(one.met.values()),
  })

  return {
    async start() {
      for (const { subscription, met } of await store.all()) all.set(subscription.id, following(subscription, met))
      off = catalog.on('change', onChange)
      up = true
      everything = true
      void inTurn(drain).catch(unexpected)
    },
    async stop() {
      off()
      stopping.abort()
      for (const { timer } of asking.values()) clearTimeout(timer)
      await Promise.all([...asking.values()].map(({ ended }) => ended))
      await turn
    },
    lives: (id) => all.has(id),
    create: (request, { user = 'owner' } = {}) => inTurn(() => create(request, user)),
    async plan(asked) {
      const request = checked(asked)
      const plan: SubscriptionPlan = {
        matching: { datasets: 0, bytes: 0 },
        fetched: { datasets: 0, bytes: 0 },
        items: [],
      }
      for await (const { id, publisher, body } of matching(request)) {
        plan.matching.datasets++
        plan.matching.bytes += body.size
        if (request.fromStart === true && heldState(publisher.id, id, body.version) !== 'available') {
          plan.fetched.datasets++
          plan.fetched.bytes += body.size
        }
        if (plan.items.length < PLANNED) plan.items.push({ dataset: id, name: body.name, publisher, bytes: body.size })
      }
      return plan
    },
    async list({ limit = PAGE, cursor } = {}) {
      const transferOf = views.transfersNow()
      const items = [...all.values()].map((one) => views.view(one.subscription, one.met.values(), transferOf))
      const order = ({ created, id }: SubscriptionView) => [descending(Date.parse(created)), id]
      return pageOf(items, order, { limit, cursor }, 'subscriptions')
    },
    show: async (id) => shown(get(id)),
    async explain(id, ref, { signal } = {}) {
      const one = get(id)
      const view = await components.dataset(ref, { ...(signal ? { signal } : {}) }).catch((cause: unknown) => {
        if (toArchipelError(cause).code !== 'DATASET_NOT_FOUND') throw cause
        const met = [...one.met.values()].find((each) => each.dataset === ref || each.name === ref)
        if (met === undefined) throw cause
        return met
      })
      if ('state' in view)
        return views.explanation(one.subscription, { met: view, view: undefined, misses: [], own: false })
      return views.explanation(one.subscription, {
        met: one.met.get(claimKey(view.publisher.id, view.id)),
        view,
        misses: one.misses(view),
        own: view.publisher.id === self,
      })
    },
    pause: (id, { user = 'owner' } = {}) =>
      change(id, user, 'subscription:pause', async (one) => {
        const { problem: _, ...rest } = one.subscription
        await keep(one, { ...rest, state: 'paused' })
      }),
    resume: (id, { maxBytes } = {}, { user = 'owner' } = {}) =>
      change(id, user, 'subscription:resume', async (one) => {
        const { problem: _, ...rest } = one.subscription
        const again: Met[] = []
        for (const met of one.met.values())
          if (met.state === 'failed') again.push({ ...met, state: 'wanted', at: Date.now() })
          else one.nudge(keyOfMet(met))
        await keep(one, { ...rest, state: 'active', ...(maxBytes === undefined ? {} : { maxBytes }) }, again)
        await scan(one)
      }),
    remove: (id, { user = 'owner' } = {}) =>
      inTurn(async () => {
        get(id)
        policy.check({ island: self, user, action: 'subscription:change' })
        await journalled('subscription:remove', id, user, () => store.forget(id))
        all.delete(id)
        clearTimeout(asking.get(id)?.timer)
        return { id }
      }),
    troubled: () =>
      [...all.values()].flatMap(({ subscription: { id, problem } }) =>
        problem === undefined ? [] : [{ id, message: problem.message }],
      ),
  }
}

const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0
