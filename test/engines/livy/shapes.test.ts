import * as assert from 'uvu/assert'
import {
  abilitiesOf,
  readBatch,
  readList,
  readSession,
  readStatement,
  readVersion,
} from '../../../src/node/engines/livy/shapes.ts'
import { keptNumber, parseLivyJson } from '../../../src/protocols/livy/json.ts'
import { rejects, suite } from '../../kit/index.ts'

const test = suite('what versions of Livy answer')

/** Recorded shapes: the fields that each version's view of a session has. */
const V07 =
  '{"id":0,"name":null,"appId":null,"owner":null,"proxyUser":null,"state":"idle","kind":"pyspark","appInfo":{"driverLogUrl":null,"sparkUiUrl":null},"log":["stdout: ","\\nstderr: "]}'
const V08 =
  '{"id":3,"name":"n","appId":"application_1_0001","owner":"livy","proxyUser":"ana","state":"busy","kind":"spark","appInfo":{"driverLogUrl":"http://n1/log","sparkUiUrl":"http://n1/ui"},"log":[],' +
  '"ttl":"ana","driverMemory":"512m","driverCores":1,"executorMemory":"1g","executorCores":2,"conf":{"spark.a":"1"},"archives":[],"files":[],"heartbeatTimeoutInSecond":60,"jars":["/a.jar"],"numExecutors":3,"pyFiles":[],"queue":"q"}'
const V09 =
  '{"id":0,"name":"x","appId":null,"owner":null,"proxyUser":null,"state":"starting","kind":"shared","appInfo":{"driverLogUrl":null,"sparkUiUrl":null,"executorLogUrls":null},"log":["stdout: ","\\nstderr: "],' +
  '"ttl":null,"idleTimeout":"10m","driverMemory":null,"driverCores":0,"executorMemory":null,"executorCores":0,"conf":{},"archives":[],"files":[],"heartbeatTimeoutInSecond":0,"jars":[],"numExecutors":0,"pyFiles":[],"queue":null}'

test('a session of 0.7 has nine fields; the rest is as 0.9 shows absence', () => {
  const seen = readSession(JSON.parse(V07))
  const absent = readSession(JSON.parse(V09))
  assert.equal(Object.keys(seen).toSorted(), Object.keys(absent).toSorted())
  assert.is(Object.keys(seen).length, 23)
  assert.equal(seen, { ...absent, name: null, state: 'idle', kind: 'pyspark', idleTimeout: null })
})

test('a session of 0.8 has the rest but idleTimeout, and no executorLogUrls', () => {
  const seen = readSession(JSON.parse(V08))
  assert.is(seen.idleTimeout, null)
  assert.equal(seen.appInfo, { driverLogUrl: 'http://n1/log', sparkUiUrl: 'http://n1/ui', executorLogUrls: null })
  assert.equal([seen.driverCores, seen.numExecutors, seen.conf, seen.jars], [1, 3, { 'spark.a': '1' }, ['/a.jar']])
})

test('a session of 0.9 is read as it is, key for key', () => {
  assert.is(JSON.stringify(readSession(JSON.parse(V09))), V09)
})

test('the version tells which durations a request may have, and whether ttl is what was asked', () => {
  assert.equal(abilitiesOf({ version: '0.7.1-incubating' }), { ttl: false, idleTimeout: false, showsTtl: false })
  assert.equal(abilitiesOf({ version: '0.8.0-incubating' }), { ttl: true, idleTimeout: false, showsTtl: false })
  assert.equal(abilitiesOf({ version: '0.9.0-incubating' }), { ttl: true, idleTimeout: true, showsTtl: true })
  assert.equal(abilitiesOf({ version: '0.10.0' }), { ttl: true, idleTimeout: true, showsTtl: true })
  assert.is(readVersion({ version: '0.7.1-incubating' }).user, '')
})

test('a batch, and a statement without times, as old versions send them', () => {
  const batch = readBatch({ id: 1, state: 'success', appId: null, appInfo: {}, log: [] })
  assert.equal([batch.name, batch.owner, batch.proxyUser], [null, null, null])
  const statement = readStatement({ id: 2, state: 'available', output: { status: 'ok', execution_count: 2, data: {} } })
  assert.equal([statement.code, statement.progress, statement.started, statement.completed], ['', 1, 0, 0])
})

test('a statement that is available before its output is there runs until then', () => {
  const half = { id: 2, code: '1', state: 'available', output: null, progress: 1, started: 1, completed: 0 }
  assert.is(readStatement(half).state, 'running')
  const whole = { ...half, output: { status: 'ok', execution_count: 2, data: { 'text/plain': '1' } } }
  assert.is(readStatement(whole).state, 'available')
  assert.is(readStatement({ ...half, state: 'cancelled' }).state, 'cancelled')
})

test('the list of batches has the key of sessions', () => {
  assert.equal(readList({ from: 0, total: 5, sessions: [{ id: 4, state: 'dead' }] }, readBatch).total, 5)
})

test('what is no answer of Livy is said to be none', async () => {
  for (const value of [undefined, 'text', [], { id: -1 }, { id: 'x' }])
    await rejects(async () => readSession(value), 'PROTOCOL')
  await rejects(async () => readList({ total: 1 }, readSession), 'PROTOCOL')
})

test('numbers keep their digits on the way through', () => {
  const text = '{"data":[[9007199254740993,1.0,1.5,-0.0,1E10,3,"1.0"]]}'
  const parsed = parseLivyJson(text) as { data: unknown[][] }
  assert.is(JSON.stringify(parsed), text)
  assert.is(keptNumber(parsed.data[0]![0]), '9007199254740993')
  assert.is(keptNumber(parsed.data[0]![5]), undefined)
})

test.run()
