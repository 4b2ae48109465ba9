import type { LivyKind } from '../../protocols/livy/objects.ts'
import type { TaskKind } from '../../protocols/model/task.ts'

/** What a kind of Livy's is among the kinds of work. A shared session takes all: it needs what the most demanding needs. */
export const TASK_KIND: Record<LivyKind, TaskKind> = {
  spark: 'scala',
  shared: 'scala',
  pyspark: 'python',
  sparkr: 'r',
  sql: 'sql',
}

/** By the name of the main file, as spark-submit does. */
export function kindOfFile(file: string): LivyKind {
  if (/\.py$/i.test(file)) return 'pyspark'
  return /\.r$/i.test(file) ? 'sparkr' : 'spark'
}
