/** Work on one key happens one after the other, in the order of asking; different keys do not wait for each other. */
export interface Turns {
  run<T>(key: string, work: () => Promise<T>): Promise<T>
}

export function turns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return {
    async run(key, work) {
      // Never at once: what the work calls may ask for the next turn before this one is noted.
      const mine = (last.get(key) ?? Promise.resolve()).then(work)
      const settled = mine.then(
        () => {},
        () => {},
      )
      last.set(key, settled)
      try {
        return await mine
      } finally {
        if (last.get(key) === settled) last.delete(key)
      }
    },
  }
}
