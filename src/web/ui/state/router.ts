/** The address of the page, as a signal. Links inside the page change it without loading anything. */
import { signal } from '@preact/signals'

export interface Place {
  /** e.g. `/datasets/doi%3A10.5072%2Fabc`, as in the address. */
  path: string
  query: URLSearchParams
}

const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) })

export const place = signal<Place>(read())

/** Goes to a path of the page. `replace`: without a step in the browser's history. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  place.value = read()
  if (!replace) scrollTo(0, 0)
}

function onClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return
  const link = (event.target as Element).closest?.('a[href]')
  if (!(link instanceof HTMLAnchorElement) || link.target !== '' || link.hasAttribute('download')) return
  if (link.origin !== location.origin || link.hash !== '' || /^\/(api|assets)\//.test(link.pathname)) return
  event.preventDefault()
  navigate(link.pathname + link.search)
}

export function startRouter(): void {
  addEventListener('popstate', () => {
    place.value = read()
  })
  addEventListener('click', onClick)
}

export const datasetPath = (id: string) => `/datasets/${encodeURIComponent(id)}`
export const taskPath = (id: string) => `/tasks/${encodeURIComponent(id)}`
