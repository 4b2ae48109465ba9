/** Subscriptions over a catalog and replicas that are maps: crashes between two writes, holders that are away. */
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import type { CatalogChange } from '../../src/node/catalog/port.ts'
import type { Met, Subscription, SubscriptionsComponents } from '../../src/node/subscriptions/port.ts'
import { subscriptions } from '../../src/node/subscriptions/subscriptions.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { TransferView } from '../../src/protocols/model/transfer.ts'
import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { datasetView, OTHER, SELF } from '../web/fake-island.ts'

const test = suite('subscriptions: what survives what')

function world(t: TestContext) {
  const records = new Map<string, SignedRecord>()
  const kept = new Map<string, { subscription: Subscription; met: Map<string, Met> }>()
  const transfers: TransferView[] = []
  const listeners = new Set<(changes: CatalogChange[]) => void>()
  const asked: string[] = []
  let answer: (name: string) => ArchipelError | undefined = () => undefined
  let afterGet = () => {}
  let refuseWrites = false
  const tell = (...changes: CatalogChange[]) => {
    for (const listener of listeners) listener(changes)
  }

  const components: SubscriptionsComponents = {
    store: {
      all: async () => [...kept.values()].map(({ subscription, met }) => ({ subscription, met: [...met.values()] })),
      async commit(subscription, met = []) {
        if (refuseWrites) throw new ArchipelError('DISK_FULL', 'the process is dead')
        const before = kept.get(subscription.id)?.met ?? new Map<string, Met>()
        for (const each of met) before.set(each.dataset, each)
        kept.set(subscription.id, { subscription, met: before })
      },
      async forget(id) {
        kept.delete(id)
      },
    },
    catalog: {
      get: async (_, id) => records.get(id),
      async *list() {
        yield* [...records.values()]
      },
      on(_, listener) {
        listeners.add(listener as (changes: CatalogChange[]) => void)
        return () => listeners.delete(listener as (changes: CatalogChange[]) => void)
      },
    },
    viewOf: (record) => ({ ...datasetView(record.id), id: record.id, publisher: OTHER, body: record.body as never }),
    dataset: async (ref) => ({ ...datasetView(ref), publisher: OTHER }),
    nameOf: (island) => island,
    replicas: {
      async get({ ref, version }) {
        const dataset = ref.slice(0, ref.indexOf('@'))
        asked.push(dataset)
        const failure = answer(dataset)
        if (failure !== undefined) throw failure
        const time = new Date().toISOString()
        const transfer = {
          id: `tr-${transfers.length}`,
          dataset,
          publisher: OTHER,
          version: version!,
          files: [],
          user: 'owner',
          state: 'transferring',
          wanted: { files: 1, bytes: 10 },
          done: { files: 0, bytes: 0 },
          created: time,
        } as unknown as TransferView
        transfers.push(transfer)
        afterGet()
        return transfer
      },
      plan: async () => assert.unreachable('no bound was given') as never,
      list: () => transfers,
      async cancel(id) {
        const transfer = transfers.find((each) => each.id === id)!
        transfer.state = 'cancelled'
        return transfer
      },
    },
    heldState: () => undefined,
    policy: { check: () => {} },
    journal: { write: () => {}, read: async () => ({ items: [] }) },
    newId: () => 'sub-1',
    logger: pino({ level: 'silent' }),
  }

  return {
    asked,
    transfers,
    kept,
    answer(next: typeof answer) {
      answer = next
    },
    /** The process is dead from the next answer of `get` on. */
    dieAfterGet() {
      afterGet = () => {
        refuseWrites = true
      }
    },
    publish(id: string, version = 'ab'.repeat(32)) {
      const record = {
        kind: 'dataset',
        id,
        origin: OTHER.id,
        body: { ...datasetView(id).body, version },
        time: 1,
      } as unknown as SignedRecord
      records.set(id, record)
      tell({ type: 'put', record })
    },
    withdraw(id: string) {
      records.delete(id)
      tell({ type: 'withdrawn', kind: 'dataset', id, origin: OTHER.id })
    },
    holder(dataset: string) {
      const body = { dataset, publisher: OTHER.id, version: 'ab'.repeat(32), state: 'available', bytes: 1 }
      tell({ type: 'put', record: { kind: 'replica', id: `${OTHER.id}/${dataset}`, body } as unknown as SignedRecord })
    },
    async up() {
      refuseWrites = false
      afterGet = () => {}
      const port = subscriptions({ self: SELF.id }, components)
      await port.start()
      t.cleanup(() => port.stop())
      return port
    },
  }
}

const soon = async (t: TestContext, work: () => void) =>
  await eventually(async () => work(), { timeoutMs: 10_000, intervalMs: 5, signal: t.signal })
const ALL = { filter: { minSize: 0 } }

test('asked for and killed before that was written down: the transfer that is there is taken over', async (t) => {
  const w = world(t)
  const first = await w.up()
  await first.create(ALL)
  w.dieAfterGet()
  w.publish('one')
  await soon(t, () => assert.equal(w.asked, ['one']))
  await first.stop()
  assert.is(w.kept.get('sub-1')?.met.get('one')?.state, 'wanted', 'the answer was lost')
  w.transfers[0]!.state = 'available'
  const second = await w.up()
  await soon(t, () => assert.is(w.kept.get('sub-1')?.met.get('one')?.transfer, 'tr-0'))
  assert.equal(w.asked, ['one'])
  assert.is((await second.show('sub-1')).bytes, 10)
  await second.stop()
})

/** Of two datasets that match, `two` is asked for; nobody has `one` now. */
async function oneWithoutHolder(t: TestContext) {
  const w = world(t)
  const port = await w.up()
  await port.create(ALL)
  w.answer((name) => (name === 'one' ? new ArchipelError('NO_HOLDER', 'nobody is there') : undefined))
  w.publish('one')
  w.publish('two')
  await soon(t, () => assert.is(w.kept.get('sub-1')?.met.get('two')?.state, 'asked'))
  return { w, port }
}

test('one that nobody gives now waits, does not hold up others, and is asked for when a holder comes', async (t) => {
  const { w, port } = await oneWithoutHolder(t)
  const { recent } = await port.show('sub-1')
  assert.equal(recent?.find((each) => each.dataset === 'one')?.problem?.code, 'NO_HOLDER')
  assert.match((await port.explain('sub-1', 'one')).reason, /^it will|waits|looked at/)
  w.answer(() => undefined)
  w.holder('one')
  await soon(t, () => assert.is(w.kept.get('sub-1')?.met.get('one')?.state, 'asked'))
  assert.equal((await port.show('sub-1')).datasets, { transferring: 2 })
})

test('withdrawn while it waits or comes, it is not fetched; published again, it is', async (t) => {
  const { w, port } = await oneWithoutHolder(t)
  w.withdraw('one')
  w.withdraw('two')
  await soon(t, () => assert.is(w.kept.get('sub-1')?.met.get('two')?.state, 'withdrawn'))
  assert.equal((await port.show('sub-1')).datasets, { withdrawn: 2 })
  assert.is(w.transfers[0]?.state, 'cancelled')
  w.answer(() => undefined)
  w.publish('one')
  await soon(t, () => assert.is(w.kept.get('sub-1')?.met.get('one')?.state, 'asked'))
})

test('a newer version takes the place of one that is still on its way; both are not fetched', async (t) => {
  const w = world(t)
  const port = await w.up()
  await port.create(ALL)
  w.publish('one')
  await soon(t, () => assert.is(w.transfers.length, 1))
  w.publish('one', 'cd'.repeat(32))
  await soon(t, () => assert.is(w.transfers.length, 2))
  await soon(t, () =>
    assert.equal(
      w.transfers.map((each) => each.state),
      ['cancelled', 'transferring'],
    ),
  )
  assert.equal((await port.show('sub-1')).datasets, { transferring: 1 })
})

test.run()
