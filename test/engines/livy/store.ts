import type { SiteStore } from '../../../src/node/engines/livy/entries.ts'

/** What an island remembers, over its restarts. */
export function memoryStore(): SiteStore & { size(): number } {
  const kept = new Map<string, string>()
  return {
    size: () => kept.size,
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
