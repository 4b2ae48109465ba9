/** The page for people: its HTML at the paths of its rooms, its files below `/assets/`. Neither needs a token. */
import { randomBytes } from 'node:crypto'
import type { Context, Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type BundleFile, bundleFile, bundleFiles } from './bundle.ts'
import { answerStatic } from './static.ts'

/** Paths of the rooms; what comes after the first segment is for the page to read. */
const ROOMS = ['/', '/islands', '/datasets', '/datasets/*', '/editor', '/tasks', '/tasks/:id']

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5563"/>' +
  '<path d="M9 11 22 8M9 11l6 12M22 8l-7 15" stroke="#9fd8d3" stroke-width="1.8"/><g fill="#fff">' +
  '<circle cx="9" cy="11" r="4"/><circle cx="22" cy="8" r="3"/></g><circle cx="15" cy="23" r="4.6" fill="#ffc857"/></svg>'

/** A year: the name of a file changes with its content. */
const FOR_EVER = { 'cache-control': 'public, max-age=31536000, immutable' }

/** Nothing but its own files; the nonce is for the editor, which makes its style sheet while it runs. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** `page.js` as `page-<hash>.js`. */
function addressOf({ name, etag }: BundleFile): string {
  return name.replace(/(\.\w+)$/, `-${etag.slice(0, 12)}$1`)
}

function html(files: BundleFile[], nonce: string, hasSession: boolean): string {
  const address = (name: string) => `/assets/${addressOf(files.find((file) => file.name === name)!)}`
  return `<!doctype html>
<html lang="en"${hasSession ? ' data-session' : ''}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>archipel</title>
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,${encodeURIComponent(ICON)}">
<link rel="stylesheet" href="${address('page.css')}" nonce="${nonce}">
<script type="module" src="${address('page.js')}"></script>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. Without it, use the command line: archipel --help</noscript>
</body>
</html>
`
}

/**
 * The HTML, with a fresh nonce. It says whether the browser came with a cookie of this island, so that the page need not
 * ask in vain. @throws INTERNAL when the sources do not bundle
 */
export async function pageAnswer(c: Context, cookie: string): Promise<Response> {
  const nonce = randomBytes(16).toString('base64url')
  return new Response(html(await bundleFiles('page'), nonce, Boolean(getCookie(c, cookie))), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy(nonce),
      vary: 'accept, cookie',
    },
  })
}

/** @throws NOT_FOUND */
async function asset(c: Context): Promise<Response> {
  const name = c.req.param('name')
  const file = (await bundleFiles('page')).find((f) => addressOf(f) === name)
  if (file === undefined)
    throw new ArchipelError('NOT_FOUND', 'the page has no such file', {
      hint: 'Load the page again: a newer version of the island may have other files.',
    })
  return answerStatic(file, c.req.raw.headers, FOR_EVER)
}

/** Gives the page its paths. `cookie` is the name of the cookie of a browser session. */
export function servePage(hono: Pick<Hono, 'get'>, cookie: string): void {
  for (const path of ROOMS) hono.get(path, (c) => pageAnswer(c, cookie))
  hono.get('/assets/:name', asset)
  hono.get('/licences.txt', async (c) => answerStatic(await bundleFile('page', 'page.txt'), c.req.raw.headers))
}
