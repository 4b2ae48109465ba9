import type { CatalogEvents } from './port.ts'

type Listeners = { [E in keyof CatalogEvents]?: Set<CatalogEvents[E]> }

/** A listener that throws is logged and does not disturb the others. */
export function catalogEvents(onError: (error: unknown) => void) {
  const listeners: Listeners = {}
  return {
    on<E extends keyof CatalogEvents>(event: E, listener: CatalogEvents[E]): () => void {
      const set = (listeners[event] ?? new Set()) as Set<CatalogEvents[E]>
      ;(listeners as Record<E, Set<CatalogEvents[E]>>)[event] = set
      set.add(listener)
      return () => set.delete(listener)
    },
    hasListeners: (event: keyof CatalogEvents): boolean => (listeners[event]?.size ?? 0) > 0,
    emit<E extends keyof CatalogEvents>(event: E, ...args: Parameters<CatalogEvents[E]>): void {
      for (const listener of listeners[event] ?? []) {
        try {
          ;(listener as (...a: Parameters<CatalogEvents[E]>) => void)(...args)
        } catch (error) {
          onError(error)
        }
      }
    },
  }
}
