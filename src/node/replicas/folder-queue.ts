/** Changes of a replica's folder, one after the other: it has one writer. */

export interface FolderQueue {
  /** Once everything asked for before is over, whether it failed or not. */
  alone<T>(folder: string, work: () => Promise<T>): Promise<T>
}

export function folderQueue(): FolderQueue {
  const last = new Map<string, Promise<unknown>>()
  return {
    alone(folder, work) {
      const before = last.get(folder) ?? Promise.resolve()
      const mine = before.then(work, work)
      last.set(folder, mine)
      const forget = () => {
        if (last.get(folder) === mine) last.delete(folder)
      }
      mine.then(forget, forget)
      return mine
    },
  }
}
