/** What others read of a refusal of Livy, and under which names their files go there. */
import * as assert from 'uvu/assert'
import type { Entry } from '../../../src/node/engines/livy/entries.ts'
import { plainName } from '../../../src/node/engines/livy/plain-name.ts'
import { siteScrubber } from '../../../src/node/engines/livy/scrub.ts'
import { LivyRefusal } from '../../../src/protocols/livy/refusal.ts'
import { suite } from '../../kit/index.ts'

const test = suite('engine livy: refusals and names of files')

test('a name that is plain stays, any other becomes one, and no two become the same', () => {
  for (const name of ['a.jar', 'x_1-2.tar.gz', 'Makefile', 'a..b']) assert.is(plainName(name), name)
  assert.is(plainName('../../up.txt'), 'up.txt')
  assert.is(plainName('C:\\dir\\y.py'), 'y.py')
  const odd = [
    '..%2f..%2fy.txt',
    '..%2F..%2fy.txt',
    'a b.txt',
    'a_b.txt',
    'a?b.txt',
    '.a_b.txt',
    '..',
    '',
    'ä b',
    'x'.repeat(300),
  ]
  const names = odd.map(plainName)
  for (const name of names) {
    assert.match(name, /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/)
    assert.ok(name.length <= 200)
  }
  assert.is(new Set(names).size, odd.length, 'each has its own')
  assert.match(names[2]!, /^a_b-[0-9a-f]{12}\.txt$/, 'its ending says what it is')
})

test('others get one line, and no folder of this island', () => {
  const scrub = siteScrubber((path) => `file:${path}`)
  const entry = (forwarded: boolean) =>
    ({
      name: 'archipel-1',
      id: 3,
      type: 'session',
      asked: { kind: 'sql', jars: ['/their/own.jar'] },
      datasets: [],
      forwarded,
    }) as unknown as Entry
  const body =
    'java.net.URISyntaxException: at 7: file:/srv/livy/staging/a b, hdfs://host:8020/user/x and /their/own.jar\n\tat a.B(C.java:1)\n'
  const of = (forwarded: boolean, given: string | { msg: string }) =>
    scrub.refusal(entry(forwarded), new LivyRefusal(500, given)).body
  const clean = 'java.net.URISyntaxException: at 7: <path> b, <path> and /their/own.jar'
  assert.is(of(true, body), clean)
  assert.equal(of(true, { msg: body }), { msg: clean })
  assert.is(of(true, 'java.io.IOException: no application/json, 1/2'), 'java.io.IOException: no application/json, 1/2')
  assert.is(of(false, body), body, 'the own people may see it')
})

test.run()
