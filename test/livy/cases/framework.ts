/** LIVY: the framework under the routes: methods, headers, packing, slashes. */
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import type { Case } from './table.ts'

const JSON_TYPE = 'application/json;charset=utf-8'
const noSession = { status: 404, body: { msg: "Session '999999' not found." } }
/** Is refused when it is read, so nothing starts. */
const COBOL = '{"kind":"cobol"}'
const READ = { status: 400, body: /Invalid kind: cobol/ }

const methods: Case[] = [
  ...(['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'] as const).map(
    (method): Case => ({
      title: `${method} of a collection is 405 with the methods that there are`,
      call: `${method} /sessions`,
      status: 405,
      empty: true,
      headers: { allow: /^(?=.*\bPOST\b)(?=.*\bGET\b)(?=.*\bHEAD\b)/, 'access-control-allow-origin': null },
    }),
  ),
  {
    title: 'POST of an entry is 405',
    call: 'POST /batches/0',
    status: 405,
    empty: true,
    headers: { allow: /^(?=.*\bDELETE\b)(?=.*\bGET\b)(?=.*\bHEAD\b)/ },
  },
  {
    title: 'HEAD works where GET does',
    call: 'HEAD /sessions',
    status: 200,
    empty: true,
    headers: { 'content-type': JSON_TYPE },
  },
  { title: 'HEAD of an entry has no body', call: 'HEAD /sessions/{main}', status: 200, empty: true },
  { title: 'HEAD of what there is not is 404', call: 'HEAD /sessions/999999', status: 404, empty: true },
  {
    title: 'DELETE of a collection is 405',
    call: 'DELETE /batches',
    status: 405,
    empty: true,
    headers: { allow: /^(?=.*\bPOST\b)(?=.*\bGET\b)(?=.*\bHEAD\b)/ },
  },
  {
    title: 'an unknown path below sessions is 404 without a body',
    call: 'GET /sessions/0/nothing',
    status: 404,
    empty: true,
  },
  {
    title: 'X-HTTP-Method-Override makes a POST a DELETE',
    call: 'POST /sessions/999999',
    send: { headers: { 'x-http-method-override': 'DELETE' } },
    ...noSession,
  },
  {
    title: 'X-HTTP-Method makes a POST a DELETE',
    call: 'POST /sessions/999999',
    send: { headers: { 'x-http-method': 'DELETE' } },
    ...noSession,
  },
  {
    title: 'X-Method-Override makes a POST a GET',
    call: 'POST /sessions/999999',
    send: { headers: { 'x-method-override': 'GET' } },
    ...noSession,
  },
  { title: '_method of the query makes a POST a DELETE', call: 'POST /sessions/999999?_method=delete', ...noSession },
  {
    title: '_method of a form makes a POST a DELETE',
    call: 'POST /sessions/999999',
    send: { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '_method=delete' },
    ...noSession,
  },
  { title: 'a GET is never another method', call: 'GET /sessions?_method=delete', status: 200, body: { from: 0 } },
]

const packing: Case[] = [
  {
    title: 'answers are gzipped for who takes that',
    call: 'GET /sessions/{main}',
    send: { headers: { 'accept-encoding': 'gzip' } },
    status: 200,
    check: ({ headers, bytes }) => {
      const text = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
      assert.ok('id' in JSON.parse(text.toString()))
    },
  },
  {
    title: 'answers are deflated for who takes only that',
    call: 'GET /sessions/{main}',
    send: { headers: { 'accept-encoding': 'deflate' } },
    status: 200,
    check: ({ headers, bytes }) => {
      const text = headers['content-encoding'] === 'deflate' ? inflateSync(bytes) : bytes
      assert.ok('id' in JSON.parse(text.toString()))
    },
  },
  {
    title: 'a gzipped body is read',
    call: 'POST /sessions',
    send: { headers: { 'content-encoding': 'gzip' }, body: gzipSync(COBOL) },
    ...READ,
  },
  {
    title: 'a deflated body is read',
    call: 'POST /sessions',
    send: { headers: { 'content-encoding': 'deflate' }, body: deflateSync(COBOL) },
    ...READ,
  },
  {
    title: 'a body that is not what it says to be is 500',
    call: 'POST /sessions',
    send: { headers: { 'content-encoding': 'gzip' }, body: COBOL },
    status: 500,
    body: /^java\.util\.zip\.ZipException: Not in GZIP format/,
  },
  {
    title: 'Content-Encoding: UTF-8 is ignored',
    call: 'POST /sessions',
    send: { headers: { 'content-encoding': 'UTF-8' }, body: COBOL },
    ...READ,
  },
  {
    title: 'Content-Encoding: br is ignored',
    call: 'POST /sessions',
    send: { headers: { 'content-encoding': 'br' }, body: COBOL },
    ...READ,
  },
  { title: 'a chunked body is read', call: 'POST /sessions', send: { body: COBOL, chunked: true }, ...READ },
  {
    title: 'a body that waits for 100 Continue is read',
    call: 'POST /sessions',
    send: { headers: { expect: '100-continue' }, body: COBOL },
    ...READ,
  },
]

const types: Case[] = [
  {
    title: 'the version 0.1 of the interface is there',
    call: 'GET /sessions',
    send: { headers: { accept: 'application/vnd.livy.v0.1+json' } },
    status: 200,
  },
  {
    title: 'another version of the interface is 406',
    call: 'GET /sessions',
    send: { headers: { accept: 'application/vnd.livy.v666.666+json' } },
    status: 406,
    body: { msg: "No value found for '666.666'" },
  },
  ...['text/html', '*/*', 'image/png'].map(
    (accept): Case => ({
      title: `${accept} gets JSON, too`,
      call: 'GET /sessions',
      send: { headers: { accept } },
      status: 200,
      headers: { 'content-type': JSON_TYPE },
    }),
  ),
  {
    title: 'the type of a body is not looked at',
    call: 'POST /sessions',
    send: { headers: { 'content-type': 'text/plain' }, body: COBOL },
    ...READ,
  },
  {
    title: 'a form swallows the body',
    call: 'POST /sessions',
    send: { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: COBOL },
    status: 400,
    body: /^No content to map due to end-of-input/,
  },
  {
    title: 'X-Requested-By changes nothing',
    call: 'POST /sessions',
    send: { headers: { 'x-requested-by': 'zeppelin', 'content-type': 'application/json;charset=UTF-8' }, body: COBOL },
    ...READ,
  },
  {
    title: 'errors are JSON, too',
    call: 'GET /sessions/999999',
    ...noSession,
    headers: { 'content-type': JSON_TYPE },
    check: ({ text }) => assert.not.match(text, '\n'),
  },
  {
    title: 'the headers of safety are there',
    call: 'GET /version',
    status: 200,
    headers: {
      'x-content-type-options': 'nosniff',
      'x-frame-options': /SAMEORIGIN|DENY/,
      'x-xss-protection': /^1/,
      'content-security-policy': /./,
    },
  },
]

const slashes: Case[] = [
  ...['sessions', 'batches', 'version'].map(
    (name): Case => ({ title: `/${name}/ is /${name}`, call: `GET /${name}/`, status: 200 }),
  ),
  { title: 'a POST to /sessions/ is read', call: 'POST /sessions/', send: { body: COBOL }, ...READ },
  { title: 'a slash after an id is 404 without a body', call: 'GET /sessions/{main}/', status: 404, empty: true },
  {
    title: 'a slash after statements is 404 without a body',
    call: 'GET /sessions/{main}/statements/',
    status: 404,
    empty: true,
  },
  { title: 'an unknown parameter is ignored', call: 'GET /sessions?colour=red&from=0', status: 200, body: { from: 0 } },
]

const pages: Case[] = [
  { title: 'the root leads to the page', call: 'GET /', status: 302, headers: { location: /^https?:\/\/[^/]+\/.*ui/ } },
  { title: '/metrics answers', call: 'GET /metrics', status: 200 },
  { title: '/metrics/ping answers', call: 'GET /metrics/ping', status: 200 },
  {
    title: '/metrics/healthcheck says that nothing is checked',
    call: 'GET /metrics/healthcheck',
    status: 501,
    endpoint: { why: 'a watcher takes that for a failure', status: 200 },
  },
  { title: '/metrics/threads answers', call: 'GET /metrics/threads', status: 200 },
  { title: 'an unknown page of /static is 404', call: 'GET /static/nothing.js', status: 404 },
  ...['/ui', '/ui/'].map(
    (path): Case => ({
      title: `${path} is a page`,
      call: `GET ${path}` as `GET /${string}`,
      status: 200,
      headers: { 'content-type': /^text\/html/ },
      endpoint: { why: 'it leads to the page of the island', status: 302, headers: { location: /./ } },
    }),
  ),
  {
    title: 'the version is one that clients can read',
    call: 'GET /version',
    status: 200,
    body: { version: /^0\.\d\.\d+(\.|-|$)/, user: /^/, revision: /^/, branch: /^/, date: /^/, url: /^/ },
  },
]

export const framework: Case[] = [...methods, ...packing, ...types, ...slashes, ...pages]
