/** The page for people: its HTML at the paths of its rooms, its files below `/assets/`. Neither needs a token. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context, Hono } from 'hono'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type PageIndex, pageFolder, readPageIndex } from './page-bundle.ts'

/** Paths of the rooms; what comes after the first segment is for the page to read. */
const ROOMS = ['/', '/islands', '/datasets', '/datasets/*', '/editor', '/tasks', '/tasks/:id']

const MEDIA_TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}
const ENCODINGS = [
  ['br', 'br'],
  ['gzip', 'gz'],
] as const

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

function html({ script, style, icon }: PageIndex, nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>archipel</title>
<link rel="icon" type="image/svg+xml" href="/assets/${icon}">
<link rel="stylesheet" href="/assets/${style}" nonce="${nonce}">
<script type="module" src="/assets/${script}"></script>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. Without it, use the command line: archipel --help</noscript>
</body>
</html>
`
}

interface Files {
  folder: string
  index: PageIndex
}

async function find(): Promise<Files> {
  const folder = await pageFolder()
  return { folder, index: await readPageIndex(folder) }
}

export interface Page {
  /** The HTML, with a fresh nonce. @throws INTERNAL when the files can be neither found nor made */
  html(c: Context): Promise<Response>
  /** @throws NOT_FOUND */
  asset(c: Context): Promise<Response>
}

export function page(): Page {
  let found: Promise<Files> | undefined
  const cached = new Map<string, Buffer<ArrayBuffer>>()

  function files(): Promise<Files> {
    if (found === undefined) {
      found = find()
      // What could not be made is tried again at the next request.
      found.catch(() => {
        found = undefined
      })
    }
    return found
  }

  async function bytes(path: string): Promise<Buffer<ArrayBuffer>> {
    const known = cached.get(path) ?? (await readFile(path))
    cached.set(path, known)
    return known
  }

  return {
    async html(c) {
      const { index } = await files()
      const nonce = randomBytes(16).toString('base64url')
      return c.body(html(index, nonce), 200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy(nonce),
        vary: 'accept',
      })
    },
    async asset(c) {
      const { folder, index } = await files()
      const name = c.req.param('name') ?? ''
      if (!Object.values(index).includes(name)) throw new ArchipelError('NOT_FOUND', 'there is no such file of the page')
      const accepted = (c.req.header('accept-encoding') ?? '').split(',').map((part) => part.trim().split(';')[0])
      const encoding = ENCODINGS.find(([word]) => accepted.includes(word))
      const body = await bytes(join(folder, encoding === undefined ? name : `${name}.${encoding[1]}`))
      return c.body(body, 200, {
        'content-type': MEDIA_TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream',
        'content-length': String(body.byteLength),
        ...(encoding === undefined ? {} : { 'content-encoding': encoding[0] }),
        // The name changes with the content.
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
      })
    },
  }
}

/** Gives the page its paths. */
export function servePage(hono: Pick<Hono, 'get'>, { html, asset }: Page): void {
  for (const path of ROOMS) hono.get(path, html)
  hono.get('/assets/:name', asset)
}
