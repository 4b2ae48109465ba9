import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { program } from '../../src/node/outside/program.ts'
import { suite } from '../kit/index.ts'

const test = suite('outside sources: programs')

test('who waits for its turn leaves when it is not wanted any more, and the turn comes to the next', async (t) => {
  const run = program({ command: process.execPath, env: {}, failureOf: () => undefined })
  const hang = ['-e', 'process.stdout.write("x"); setInterval(() => {}, 1000)']
  const busy = new AbortController()
  t.cleanup(() => busy.abort())
  const first = new AbortController()
  const running = Array.from({ length: 8 }, (_, n) => run(hang, n === 0 ? first.signal : busy.signal))
  await Promise.all(running.map((each) => each.next()))

  const unwanted = new AbortController()
  const ninth = run(hang, unwanted.signal).next()
  const tenth = run(['-e', 'process.stdout.write("tenth")'], t.signal)
  const next = tenth.next()
  unwanted.abort(new Error('not wanted'))
  const late = once(t.signal, 'abort').then(() => 'it waited for the others')
  assert.is(await Promise.race([ninth.catch((error: Error) => error.message), late]), 'not wanted')

  first.abort()
  await running[0]!.return(undefined)
  assert.is(Buffer.from((await next).value!).toString(), 'tenth')
  await tenth.return(undefined)
  busy.abort()
  await Promise.all(running.map((each) => each.return(undefined)))
})

test.run()
