import type { SiteStore } from '../../../src/node/engines/livy/entries.ts'

/** What an island remembers, over its restarts. */
export function memoryStore(): SiteStore & { keys(): string[] } {
  const kept = new Map<string, string>()
  return {
    keys: () => [...kept.keys()],
    async put(key, value) {
      kept.set(key, value)
    },
    async delete(key) {
      kept.delete(key)
    },
    async *entries() {
      yield* [...kept]
    },
  }
}
