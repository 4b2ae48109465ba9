/** A call of a route as a request: base address, path, query. */
import { ArchipelError } from '../../protocols/model/errors.ts'

/** The part of a route that a client needs; `table.ts` has them all. */
export interface ClientRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Needs no token, and no CSRF guard. */
  readonly isPublic?: true
  /** Milliseconds for the head of the answer; 30 s when absent. */
  readonly timeoutMs?: number
}

/** Origin and path prefix of an island. @throws BAD_INPUT */
export function baseUrl(url: string): string {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (
    base === undefined ||
    !/^https?:$/.test(base.protocol) ||
    base.username !== '' ||
    base.search !== '' ||
    base.hash !== ''
  ) {
    throw new ArchipelError('BAD_INPUT', `not the URL of an island: ${JSON.stringify(url.slice(0, 200))}`, {
      hint: 'Give the web address of an island, e.g. http://127.0.0.1:9411.',
    })
  }
  return base.origin + base.pathname.replace(/\/+$/, '')
}

/** A URL resolves `.` and `..` even when they are percent-encoded, so these would name another route. @throws BAD_ID */
export function pathOf({ path }: ClientRoute, params: Record<string, string> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name] ?? ''
    if (/^\.{0,2}$/.test(value)) throw new ArchipelError('BAD_ID', `${name}: ${JSON.stringify(value)} names nothing`)
    return encodeURIComponent(value.toWellFormed())
  })
}

/** Query parameters as text: a list is repeated, a cone is `ra,dec,radius`, what is undefined is left out. */
export function queryOf(query: object = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) search.append(name, typeof item === 'object' ? coneText(item) : String(item))
    }
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

function coneText({ ra, dec, radius }: { ra: number; dec: number; radius: number }): string {
  return `${ra},${dec},${radius}`
}
