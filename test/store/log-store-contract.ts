import * as assert from 'uvu/assert'
import type { LogStore, StoredLog, StoredRecord } from '../../src/node/catalog/port.ts'
import type { Suite, TestContext } from '../kit/index.ts'

/** A store whose contents outlive the process: `reopen` is a restart. */
export interface OpenedLogStore {
  logs: LogStore
  reopen: () => Promise<LogStore>
}

const LOG = `isl${'a'.repeat(32)}`
const OTHER = `isl${'b'.repeat(32)}`

const record = (seq: number, id: string, extra: Partial<StoredRecord> = {}): StoredRecord => ({
  kind: 'dataset',
  id,
  epoch: 1,
  seq,
  bytes: new Uint8Array(Buffer.from(`${extra.kind ?? 'dataset'} ${id} ${extra.epoch ?? 1}/${seq}`)),
  ...extra,
})

const log = (generation: number, extra: Partial<StoredLog> = {}): StoredLog => ({
  head: new Uint8Array([1, 2, 3]),
  set: new Uint8Array(2048).fill(7),
  generation,
  verified: true,
  horizon: null,
  bad: null,
  ...extra,
})

async function texts(chunks: AsyncIterable<Uint8Array[]>): Promise<string[]> {
  const all: string[] = []
  for await (const chunk of chunks) all.push(...chunk.map((b) => Buffer.from(b).toString()))
  return all
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()

/** What the catalog relies on in a store; every implementation runs it. */
export function logStoreContract(test: Suite, open: (t: TestContext) => Promise<OpenedLogStore>): void {
  test('a new store is empty', async (t) => {
    const { logs } = await open(t)
    assert.equal(await all(logs.logs()), [])
    assert.equal(await texts(logs.range(LOG, 1, null)), [])
    assert.equal(await logs.current(LOG, 1, [{ kind: 'dataset', id: 'a' }]), [undefined])
    assert.is(await logs.at(LOG, 1, { epoch: 1, seq: 1 }), undefined)
    assert.equal(await all(logs.facts()), [])
    assert.equal(await all(logs.orphans()), [])
  })

  test('what was committed is there after a restart', async (t) => {
    const { logs, reopen } = await open(t)
    const put = record(1, 'a')
    await logs.commit([
      { type: 'put', log: LOG, generation: 1, record: put },
      { type: 'log', log: LOG, value: log(1, { horizon: { epoch: 2 ** 52, seq: 9 }, bad: 'why', verified: false }) },
      { type: 'fact', hash: 'ab', bytes: put.bytes },
      { type: 'orphan', log: OTHER, position: { epoch: 3, seq: 4 }, bytes: put.bytes },
    ])
    const again = await reopen()
    const [entry] = await all(again.logs())
    assert.is(entry![0], LOG)
    assert.equal(entry![1].horizon, { epoch: 2 ** 52, seq: 9 })
    assert.is(entry![1].bad, 'why')
    assert.is(entry![1].verified, false)
    assert.equal(new Uint8Array(entry![1].set), log(1).set)
    assert.equal(await texts(again.range(LOG, 1, null)), ['dataset a 1/1'])
    assert.equal(
      (await all(again.facts())).map(([hash]) => hash),
      ['ab'],
    )
    assert.equal((await all(again.orphans(OTHER))).length, 1)
    assert.equal(await all(again.orphans(LOG)), [])
  })

  test('records come in the order of positions, over epochs as large as they get', async (t) => {
    const { logs } = await open(t)
    const epochs = [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]
    const records = epochs.flatMap((epoch) =>
      [1, 2, 300, 2 ** 33].map((seq) => record(seq, `${epoch}-${seq}`, { epoch })),
    )
    await logs.stage(LOG, 1, [...records].reverse())
    assert.equal(
      await texts(logs.range(LOG, 1, null)),
      records.map((r) => text(r.bytes)),
    )
    assert.equal(
      await texts(logs.range(LOG, 1, { epoch: 256, seq: 2 })),
      records.filter((r) => r.epoch > 256 || (r.epoch === 256 && r.seq > 2)).map((r) => text(r.bytes)),
    )
    assert.is(
      text(await logs.at(LOG, 1, { epoch: 2 ** 40 + 5, seq: 300 })),
      `dataset ${2 ** 40 + 5}-300 ${2 ** 40 + 5}/300`,
    )
  })

  test('the current record of a name is the last one put', async (t) => {
    const { logs } = await open(t)
    const put = (r: StoredRecord) => ({ type: 'put' as const, log: LOG, generation: 1, record: r })
    await logs.commit([put(record(1, 'a')), put(record(2, 'b'))])
    await logs.commit([
      { type: 'remove', log: LOG, generation: 1, position: { epoch: 1, seq: 1 } },
      put(record(3, 'a')),
      { type: 'remove', log: LOG, generation: 1, position: { epoch: 1, seq: 2 } },
      put(record(4, 'b', { withdrawn: true })),
    ])
    const names = ['b', 'none', 'a'].map((id) => ({ kind: 'dataset', id }))
    assert.equal((await logs.current(LOG, 1, names)).map(text), ['dataset b 1/4', undefined, 'dataset a 1/3'])
    assert.equal(await texts(logs.range(LOG, 1, null)), ['dataset a 1/3', 'dataset b 1/4'])
    assert.equal(await texts(logs.ofKind(LOG, 1, 'dataset')), ['dataset a 1/3'])
    assert.equal(await texts(logs.withdrawals(LOG, 1)), ['dataset b 1/4'])
    await logs.commit([
      { type: 'remove', log: LOG, generation: 1, position: { epoch: 1, seq: 4 }, forget: { kind: 'dataset', id: 'b' } },
    ])
    assert.equal((await logs.current(LOG, 1, names)).map(text), [undefined, undefined, 'dataset a 1/3'])
    assert.equal(await texts(logs.withdrawals(LOG, 1)), [])
  })

  test('kinds, logs and generations do not mix', async (t) => {
    const { logs } = await open(t)
    await logs.stage(LOG, 1, [record(1, 'x'), record(2, 'x', { kind: 'data' }), record(3, 'set\0x', { kind: 'data' })])
    await logs.stage(LOG, 256, [record(9, 'x')])
    await logs.stage(OTHER, 1, [record(5, 'x')])
    assert.equal(await texts(logs.ofKind(LOG, 1, 'data')), ['data set\0x 1/3', 'data x 1/2'])
    assert.equal(await texts(logs.ofKind(LOG, 1, 'dataset')), ['dataset x 1/1'])
    assert.equal(await texts(logs.range(LOG, 256, null)), ['dataset x 1/9'])
    assert.equal(await texts(logs.range(OTHER, 1, null)), ['dataset x 1/5'])
    await logs.discard(LOG, 256)
    assert.equal(await texts(logs.range(LOG, 1, null)), [])
    assert.equal(await texts(logs.ofKind(LOG, 1, 'data')), [])
    assert.equal(await texts(logs.range(LOG, 256, null)), ['dataset x 1/9'])
    await logs.discard(LOG, null)
    assert.equal(await texts(logs.range(LOG, 256, null)), [])
    assert.equal(await texts(logs.range(OTHER, 1, null)), ['dataset x 1/5'])
  })

  test('a sweep leaves one generation of the logs it is told, and nothing else', async (t) => {
    const { logs } = await open(t)
    for (const generation of [1, 2, 3, 65_536]) await logs.stage(LOG, generation, [record(1, 'a'), record(2, 'b')])
    await logs.stage(OTHER, 7, [record(1, 'a')])
    await logs.sweep(new Map([[LOG, 3]]))
    for (const generation of [1, 2, 65_536]) {
      assert.equal(await texts(logs.range(LOG, generation, null)), [], `generation ${generation}`)
      assert.equal(await texts(logs.ofKind(LOG, generation, 'dataset')), [], `names of generation ${generation}`)
    }
    assert.equal(await texts(logs.range(LOG, 3, null)), ['dataset a 1/1', 'dataset b 1/2'])
    assert.equal(await texts(logs.range(OTHER, 7, null)), [])
  })

  test('an iterator answers with the state of its call, whatever is committed meanwhile', async (t) => {
    const { logs } = await open(t)
    const count = 1200
    const records = Array.from({ length: count }, (_, i) => record(i + 1, `n${i}`))
    await logs.stage(LOG, 1, records)
    const opened = logs.range(LOG, 1, null)
    await logs.commit([
      { type: 'remove', log: LOG, generation: 1, position: { epoch: 1, seq: count } },
      { type: 'put', log: LOG, generation: 1, record: record(count + 1, `n${count - 1}`) },
    ])
    await logs.discard(LOG, null)
    const seen = await texts(opened)
    assert.is(seen.length, count)
    assert.is(seen.at(-1), `dataset n${count - 1} 1/${count}`)
    assert.equal(await texts(logs.range(LOG, 1, null)), [])
  })

  test('names with any characters find their record', async (t) => {
    const { logs } = await open(t)
    const ids = ['', ' ', 'ä', '\u{1F30D}', 'a\0b', 'x'.repeat(1024), 'doi:10.1/x y', '\uffff']
    await logs.stage(
      LOG,
      1,
      ids.map((id, i) => record(i + 1, id)),
    )
    const found = await logs.current(
      LOG,
      1,
      ids.map((id) => ({ kind: 'dataset', id })),
    )
    assert.equal(
      found.map(text),
      ids.map((id, i) => `dataset ${id} 1/${i + 1}`),
    )
  })

  test('a dropped log, fact or orphan is gone after a restart', async (t) => {
    const { logs, reopen } = await open(t)
    const bytes = new Uint8Array([1])
    await logs.commit([
      { type: 'log', log: LOG, value: log(1) },
      { type: 'fact', hash: 'ab', bytes },
      { type: 'orphan', log: LOG, position: { epoch: 1, seq: 1 }, bytes },
    ])
    await logs.commit([
      { type: 'no-log', log: LOG },
      { type: 'no-fact', hash: 'ab' },
      { type: 'no-orphan', log: LOG, position: { epoch: 1, seq: 1 } },
    ])
    const again = await reopen()
    assert.equal(await all(again.logs()), [])
    assert.equal(await all(again.facts()), [])
    assert.equal(await all(again.orphans()), [])
  })
}
