import * as assert from 'uvu/assert'
import { rejects, suite } from '../kit/index.ts'
import { KEY, logText, spoolIn } from './kit.ts'

const test = suite('logs in the spool')

test('a log is read by offset while it is written', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const writer = await port.write(KEY)
  assert.equal(await port.log(KEY, { offset: 0, limit: 100 }), { bytes: Buffer.alloc(0), total: 0 })
  let expected = ''
  for (let i = 0; i < 200; i++) {
    const line = `line ${i} ä\n`
    expected += line
    writer.log(i % 2 === 0 ? line : Buffer.from(line))
    const { bytes, total } = await port.log(KEY, { offset: 0, limit: 1e6 })
    assert.is(Buffer.from(bytes).toString(), expected, `after line ${i}`)
    assert.is(total, Buffer.byteLength(expected))
  }
  const whole = Buffer.from(expected)
  assert.equal((await port.log(KEY, { offset: 7, limit: 11 })).bytes, whole.subarray(7, 18))
  assert.is((await port.log(KEY, { offset: whole.length + 3, limit: 11 })).bytes.length, 0)
  await writer.finish(1)
  assert.is(await logText(port), expected)
  writer.log('after the end')
  assert.is(await logText(port), expected)
})

test('what the caller does with its buffer afterwards does not matter', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const writer = await port.write(KEY)
  const buffer = Buffer.from('abc')
  writer.log(buffer)
  buffer.fill(0x78)
  await writer.finish(1)
  assert.is(await logText(port), 'abc')
})

test('beyond its limit a log is cut between two characters, and says so once', async (t) => {
  const port = spoolIn(await t.tmpdir(), { logBytes: 1001 })
  const writer = await port.write(KEY)
  for (let i = 0; i < 1000; i++) writer.log('ää')
  await writer.finish(1)
  const text = await logText(port)
  assert.match(text, /^ä{500}\n\n\[the log was cut here: it had more than 1001 bytes\]\n$/)
})

test('a log of exactly the limit is not cut', async (t) => {
  const port = spoolIn(await t.tmpdir(), { logBytes: 10 })
  const writer = await port.write(KEY)
  writer.log('0123456789')
  await writer.finish(1)
  assert.is(await logText(port), '0123456789')
})

test('a log from elsewhere is taken over by offset: nothing twice, no gap', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const whole = Buffer.from('0123456789')
  await port.appendLog(KEY, 0, whole.subarray(0, 4))
  await port.appendLog(KEY, 0, whole.subarray(0, 4))
  await port.appendLog(KEY, 2, whole.subarray(2, 6))
  await rejects(port.appendLog(KEY, 7, whole.subarray(7)), 'BAD_INPUT')
  await Promise.all([port.appendLog(KEY, 6, whole.subarray(6, 9)), port.appendLog(KEY, 5, whole.subarray(5))])
  assert.is(await logText(port), '0123456789')
})

test('a longer log from elsewhere is cut here, and what comes then is left out', async (t) => {
  const port = spoolIn(await t.tmpdir(), { logBytes: 10 })
  await port.appendLog(KEY, 0, Buffer.from('01234567'))
  await port.appendLog(KEY, 8, Buffer.from('89abcdef'))
  await port.appendLog(KEY, 16, Buffer.from('more'))
  assert.match(await logText(port), /^0123456789\n\[the log was cut here: it had more than 10 bytes\]\n$/)
})

test('the log of work that runs here is not changed by its own copy', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const writer = await port.write(KEY)
  writer.log('one\ntwo\n')
  await port.appendLog(KEY, 0, Buffer.from('one\ntwo\n'))
  writer.log('three\n')
  await port.appendLog(KEY, 8, Buffer.from('three\n'))
  await writer.finish(1)
  assert.is(await logText(port), 'one\ntwo\nthree\n')
})

test('a log that the disk does not take harms nothing else', async (t) => {
  const port = spoolIn(await t.tmpdir(), { totalBytes: 2000 })
  const writer = await port.write(KEY)
  writer.log('x'.repeat(5000))
  await writer.item('text.txt', 'text/plain', Buffer.from('x'))
  await writer.finish(1)
  assert.is((await port.meta(KEY))!.kind, 'text')
})

test.run()
