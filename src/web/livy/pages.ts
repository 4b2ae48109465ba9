/** What Livy has for people: here the page of the island, and the few answers that watchers of a Livy ask for. */

const html = (title: string, body: string): Response =>
  new Response(`<!doctype html><meta charset="utf-8"><title>${title}</title>${body}\n`, {
    headers: { 'content-type': 'text/html;charset=utf-8' },
  })

const text = (body: string): Response =>
  new Response(body, { headers: { 'content-type': 'text/plain;charset=utf-8', 'cache-control': 'no-store' } })

/** What those who watch a Livy read of its process. Nothing is checked there, either; of threads there is one. */
const WATCHED: Record<string, (() => Response) | undefined> = {
  '/metrics/ping': () => text('pong\n'),
  '/metrics/healthcheck': () =>
    new Response('{}', { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } }),
  '/metrics/threads': () => text('main id=1 state=RUNNABLE\n'),
}

/**
 * Undefined where there is no page at this path. `path` is Livy's own, `prefix` what stands before it.
 * @param origin of the request, e.g. `http://127.0.0.1:9411`
 */
export function livyPage(path: string, prefix: string, origin: string): Response | undefined {
  if (path === '' || path === '/')
    return new Response(null, { status: 302, headers: { location: `${origin}${prefix}/ui` } })
  if (/^\/ui(\/.*)?$/.test(path)) return new Response(null, { status: 302, headers: { location: '/' } })
  if (path === '/metrics' || path === '/metrics/')
    return html(
      'Operational Menu',
      `<h1>Operational Menu</h1><ul><li><a href="${prefix}/metrics/ping">Ping</a></li><li><a href="${prefix}/metrics/threads">Threads</a></li><li><a href="${prefix}/metrics/healthcheck">Healthcheck</a></li><li><a href="/metrics">Metrics of the island</a></li></ul>`,
    )
  if (path.startsWith('/static/'))
    return new Response('File not found', { status: 404, headers: { 'content-type': 'text/html;charset=utf-8' } })
  return WATCHED[path]?.()
}
