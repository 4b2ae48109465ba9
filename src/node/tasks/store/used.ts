import type { TaskStore } from './task-store.ts'

/** Hashes of the main files of the tasks that are remembered here, and of attempts that are not settled. */
export async function mainsUsed(store: Pick<TaskStore, 'tasks' | 'unsettled'>): Promise<Set<string>> {
  const used = new Set<string>()
  for await (const { main } of store.tasks()) if (main !== undefined) used.add(main)
  for (const { main } of await store.unsettled()) if (main !== undefined) used.add(main)
  return used
}
