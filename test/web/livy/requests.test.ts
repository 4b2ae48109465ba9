/** Bodies of requests at the Livy endpoint: what is taken, what it becomes, and the words of what is refused. */
import * as assert from 'uvu/assert'
import { notFound } from '../../../src/protocols/livy/refusal.ts'
import { suite, type TestContext } from '../../kit/index.ts'
import { bearer, raw, serve } from '../harness.ts'
import { fakeLivy } from './fake-livy.ts'

const test = suite('web: Livy endpoint, requests')

async function served(t: TestContext) {
  const livy = fakeLivy()
  const { port } = await serve(t, { livy: livy.port })
  const post = async (path: string, body: unknown) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await raw(port, { method: 'POST', path: `/livy${path}`, headers: bearer, body: text })
    return { status: answer.status, json: answer.text === '' ? undefined : JSON.parse(answer.text) }
  }
  const send = (path: string, parts: string | Buffer, type: string) =>
    raw(port, { method: 'POST', path: `/livy${path}`, headers: { ...bearer, 'content-type': type }, body: parts })
  return { ...livy, post, send }
}

test('a session request in canonical form: kinds, numbers, text, nothing that was not said', async (t) => {
  const { post, calls } = await served(t)
  const canonical = async (path: string, body: unknown) => {
    assert.is((await post(path, body)).status, 201, JSON.stringify(body))
    return calls.at(-1)?.args[0]
  }
  assert.equal(await canonical('/sessions', {}), { kind: 'shared' })
  for (const [word, kind] of Object.entries({
    spark: 'spark',
    scala: 'spark',
    pyspark: 'pyspark',
    python: 'pyspark',
    sparkr: 'sparkr',
    r: 'sparkr',
    sql: 'sql',
    shared: 'shared',
  }))
    assert.equal(await canonical('/sessions', { kind: word }), { kind })
  assert.equal(
    await canonical('/sessions', {
      kind: 'python',
      driverCores: '2',
      executorCores: 3,
      numExecutors: ' 4 ',
      driverMemory: 512,
      name: 5.5,
      queue: null,
      conf: { a: 1, b: true, c: 'x' },
      jars: ['/a.jar', 7],
      heartbeatTimeoutInSecond: '30',
      ttl: '8h',
      idleTimeout: '10',
    }),
    {
      kind: 'pyspark',
      driverCores: 2,
      executorCores: 3,
      numExecutors: 4,
      driverMemory: '512',
      name: '5.5',
      conf: { a: '1', b: 'true', c: 'x' },
      jars: ['/a.jar', '7'],
      heartbeatTimeoutInSecond: 30,
      ttl: '8h',
      idleTimeout: '10',
    },
  )
  assert.equal(await canonical('/sessions', '{"kind":"sql"}x'), { kind: 'sql' }, 'Livy reads the first value')
  assert.equal(await canonical('/sessions', { kind: null, name: 'n'.repeat(1000) }), {
    kind: 'shared',
    name: 'n'.repeat(1000),
  })
  assert.equal(await canonical('/sessions?doAs=eva', { proxyUser: 'bob' }), { kind: 'shared', proxyUser: 'eva' })
  assert.equal(await canonical('/batches', { file: '/a.py', args: [1, 'b'], className: 'A', name: '-5' }), {
    file: '/a.py',
    args: ['1', 'b'],
    className: 'A',
    name: '-5',
  })
})

test('requests that Livy refuses, in its words, before the island is asked', async (t) => {
  const { post, calls } = await served(t)
  const rejected = (reason: string) => ({ msg: `Rejected, Reason: ${reason}` })
  const cases: [path: string, body: unknown, status: number, says: RegExp | object][] = [
    [
      '/sessions',
      { colour: 1 },
      400,
      /^Unrecognized field "colour" \(class org.apache.livy.server.interactive.CreateInteractiveRequest\), not marked as ignorable \(17 known properties: /,
    ],
    ['/batches', { file: '/a', kind: 'sql' }, 400, /^Unrecognized field "kind" .*\(16 known properties: /],
    ['/sessions', { file: '/a' }, 400, /^Unrecognized field "file"/],
    ['/sessions', '{"__proto__": {}}', 400, /^Unrecognized field "__proto__"/],
    ['/sessions', { kind: 'cobol' }, 400, /^Invalid kind: cobol \(through reference chain: .*\["kind"\]\)$/],
    ['/sessions', { kind: 'toString' }, 400, /^Invalid kind: toString/],
    ['/sessions', { jars: '/a.jar' }, 400, /^Cannot deserialize .* from String value .*\["jars"\]/],
    ['/sessions', { conf: [] }, 400, /^Cannot deserialize .* from Array value .*\["conf"\]/],
    ['/sessions', { name: {} }, 400, /^Cannot deserialize .* from Object value/],
    ['/sessions', [], 400, /from Array value/],
    ['/sessions', 3, 400, /no int\/Int-argument constructor.* from Number value \(3\)/],
    ['/sessions', '"x"', 400, /no String-argument constructor.* from String value \('x'\)/],
    ['/sessions', 'null', 500, /NullPointerException/],
    ['/sessions', '', 400, /^No content to map due to end-of-input/],
    ['/sessions', '{"kind": "sql"', 400, /^Unexpected end-of-input/],
    ['/sessions', '{kind}', 400, /^Unexpected character \('k' \(code 107\)\)/],
    ['/sessions', 'xyz', 400, /^Unrecognized token 'xyz'/],
    ['/sessions', { heartbeatTimeoutInSecond: 'x' }, 400, /not a valid `int` value/],
    ['/sessions', { driverCores: 'two' }, 400, /not a valid `int` value/],
    ['/sessions', { driverCores: 1e12 }, 400, /out of range of int/],
    ['/sessions', { driverCores: true }, 400, /from Boolean value/],
    ['/sessions', { name: '123' }, 400, rejected('Invalid session name: 123')],
    ['/sessions', { name: '\u0663\u0664' }, 400, rejected('Invalid session name: \u0663\u0664')],
    ['/sessions', { name: 'n'.repeat(1001) }, 400, rejected('Invalid session name: it has more than 1000 characters')],
    ['/sessions', { kind: 5 }, 400, /^requirement failed: Kind should be a string\. \(through .*\["kind"\]\)$/],
    ['/sessions', '{"kind": "cobol"} x', 400, /^Invalid kind: cobol/],
    ['/sessions', { name: '' }, 400, rejected('Invalid session name: ')],
    ['/batches', { file: '/a', name: 12 }, 400, rejected('Invalid session name: 12')],
    [
      '/sessions',
      { conf: { 'spark.submit.deployMode': 'cluster' } },
      400,
      rejected('Blacklisted configuration values in session config: spark.submit.deployMode'),
    ],
    ['/sessions', { ttl: 'bogus' }, 400, rejected('Invalid time string: bogus')],
    ['/sessions', { idleTimeout: '5 weeks' }, 400, rejected('Invalid time string: 5 weeks')],
    ['/sessions', { idleTimeout: '5weeks' }, 400, rejected('Invalid suffix: "weeks"')],
    ['/batches', {}, 400, rejected('requirement failed: File is required.')],
    ['/batches', { file: '' }, 500, /IndexOutOfBoundsException/],
    // The duration is looked at first.
    ['/sessions', { ttl: 'bogus', name: '' }, 400, rejected('Invalid time string: bogus')],
    ['/sessions/0/statements', { kind: 'sql' }, 500, /^java.lang.NullPointerException/],
    ['/sessions/0/statements', { code: '1', kind: 'cobol' }, 500, /IllegalArgumentException: Invalid kind: cobol/],
    // Livy takes it, and never runs it.
    ['/sessions/0/statements', { code: '1', kind: 'shared' }, 500, /Invalid kind: shared/],
    ['/sessions/0/statements', { code: '1', line: 2 }, 400, /3 known properties: "msg_type", "kind", "code"\]/],
    ['/sessions/0/completion', { code: '1', cursor: 1 }, 500, /Invalid kind: null/],
    ['/sessions/0/submit-job', { job: 'AAAA', jobs: 1 }, 400, /^Unrecognized field "jobs"/],
    ['/sessions/0/add-jar', { url: 'x' }, 400, /^Unrecognized field "url" .*\(one known property: "uri"\]/],
  ]
  for (const [path, body, status, says] of cases) {
    const answer = await post(path, body)
    const about = `${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.json)}`
    assert.is(answer.status, status, about)
    if (says instanceof RegExp) assert.match(answer.json as string, says, about)
    else assert.equal(answer.json, says, about)
  }
  // That the session is there is asked before some of these; nothing else is.
  assert.equal([...new Set(calls.map(({ name }) => name))], ['sessions.state'])
})

test('a session that is not there is 404, whatever else is wrong, but for what cannot be read', async (t) => {
  const { post, send, on } = await served(t)
  on('sessions.state', () => Promise.reject(notFound(99)))
  const missing = { msg: "Session '99' not found." }
  for (const [path, body] of [
    ['statements', { code: '1', kind: 'cobol' }],
    ['statements', {}],
    ['statements', 'null'],
    ['completion', { code: '1' }],
    ['submit-job', { job: '' }],
    ['add-jar', {}],
    ['statements/x/cancel', {}],
  ] as const) {
    const { status, json } = await post(`/sessions/99/${path}`, body)
    assert.equal([status, json], [404, missing], path)
  }
  assert.is((await send('/sessions/99/upload-jar', 'x', 'text/plain')).status, 404)
  for (const body of ['', { colour: 1 }]) assert.is((await post('/sessions/99/statements', body)).status, 400)
})

test('code of a statement: numbers become text, CRLF becomes LF', async (t) => {
  const { post, calls } = await served(t)
  await post('/sessions/0/statements', { code: 'a\r\nb\n\rc', kind: 'python' })
  assert.equal(calls.at(-1)?.args, [0, { code: 'a\nb\n\rc', kind: 'pyspark' }])
  await post('/sessions/0/statements', { code: 42 })
  assert.equal(calls.at(-1)?.args, [0, { code: '42' }])
})

/** A body of files, each with field, name and bytes. */
function form(boundary: string, parts: [field: string, name: string | undefined, bytes: Buffer][]): Buffer {
  const made = parts.flatMap(([field, name, bytes]) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${field}"${name === undefined ? '' : `; filename="${name}"`}\r\nContent-Type: application/octet-stream\r\n\r\n`,
    ),
    bytes,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...made, Buffer.from(`--${boundary}--\r\n`)])
}

test('an uploaded file comes whole, without the directories of its name', async (t) => {
  const { send, calls } = await served(t)
  const bytes = Buffer.concat([Buffer.from('\r\n--b\r\n--'), Buffer.alloc(70_000, 0xff), Buffer.from('\r\n')])
  const type = 'multipart/form-data; boundary="bound ary"'
  for (const [name, plain] of [
    ['a.jar', 'a.jar'],
    ['../../etc/x.jar', 'x.jar'],
    ['C:\\\\dir\\\\y.jar', 'y.jar'],
    ['/abs/\u00e4 b.jar', '\u00e4 b.jar'],
  ] as const) {
    const body = form('bound ary', [
      ['note', undefined, Buffer.from('no file')],
      ['other', 'o.jar', Buffer.from('x')],
      ['jar', name, bytes],
    ])
    assert.is((await send('/sessions/4/upload-jar', body, type)).status, 200)
    const [ref, what, file] = calls.at(-1)!.args as [number, string, { name: string; bytes: Uint8Array }]
    assert.equal([ref, what, file.name], [4, 'jar', plain])
    assert.ok(Buffer.from(file.bytes).equals(bytes))
  }
  const empty = form('b', [['file', 'e.py', Buffer.alloc(0)]])
  await send('/sessions/4/upload-pyfile', empty, 'multipart/form-data; boundary=b')
  const [, what, file] = calls.at(-1)!.args as [number, string, { name: string; bytes: Uint8Array }]
  assert.equal([what, file.name, file.bytes.length], ['pyfile', 'e.py', 0])
})

test('uploads without their part, without a name, broken or too large are refused', async (t) => {
  const { send, calls } = await served(t)
  const type = 'multipart/form-data; boundary=b'
  const one = (field: string, name: string | undefined) => form('b', [[field, name, Buffer.from('x')]])
  const text = async (path: string, body: Buffer | string, kind = type) => {
    const { status, text: said } = await send(path, body, kind)
    return [status, said]
  }
  assert.equal(await text('/sessions/0/upload-jar', one('file', 'a')), [400, '"No jar sent!"'])
  assert.equal(await text('/sessions/0/upload-file', one('jar', 'a')), [400, '"No file sent!"'])
  assert.equal(await text('/sessions/0/upload-file', one('file', undefined)), [400, '"No file sent!"'])
  assert.equal(await text('/sessions/0/upload-file', 'x', 'text/plain'), [400, '"No file sent!"'])
  assert.equal(await text('/sessions/0/upload-file', one('file', 'a').subarray(0, 60)), [400, '"No file sent!"'])
  for (const name of ['..', 'a/', '']) assert.is((await text('/sessions/0/upload-file', one('file', name)))[0], 400)
  const large = form('b', [['file', 'a', Buffer.alloc(100 * 1024 * 1024 + 1)]])
  const [status, said] = await text('/sessions/0/upload-file', large)
  assert.equal([status, /SizeConstraintExceededException: Too large request or file/.test(String(said))], [500, true])
  assert.not(calls.some(({ name }) => name === 'sessions.upload'))
})

test.run()
