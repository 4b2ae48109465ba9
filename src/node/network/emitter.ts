/** A minimal typed event source: listeners never see each other's errors, order is order of subscription. */
export interface Emitter<Events> {
  on<E extends keyof Events>(event: E, listener: Events[E]): () => void
  emit<E extends keyof Events>(event: E, ...args: Events[E] extends (...a: infer A) => void ? A : never): void
}

export function emitter<Events>(onError: (error: unknown) => void): Emitter<Events> {
  const listeners = new Map<keyof Events, Set<unknown>>()
  return {
    on(event, listener) {
      const set = listeners.get(event) ?? new Set()
      listeners.set(event, set)
      set.add(listener)
      return () => set.delete(listener)
    },
    emit(event, ...args) {
      for (const listener of [...(listeners.get(event) ?? [])]) {
        try {
          ;(listener as (...a: unknown[]) => void)(...args)
        } catch (error) {
          onError(error)
        }
      }
    },
  }
}
