import type { EngineName } from '../../protocols/model/spark.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import type { LogPage, RowsPage, SubmitRequest, TaskPage, TaskQuery, TaskView } from '../../protocols/model/views.ts'
import type { BoundDataset } from '../engines/port.ts'
import type { Placement } from '../placement/port.ts'
import type { SpoolKey } from '../results/port.ts'

/** Local data for an attempt, looked at just now. */
export interface DataBinder {
  /**
   * The datasets of an attempt as files of this island; `sql` takes tables only.
   * @throws DATASET_NOT_FOUND (not held here), STALE (version or files changed), NOT_READY (they cannot be read just now), SQL_INVALID
   */
  bind(
    tables: { table: string; id: string; publisher: string; version: string }[],
    options?: { signal?: AbortSignal; kind?: TaskKind; engine?: EngineName },
  ): Promise<BoundDataset[]>
  /**
   * Looks at the same files again after the work.
   * @throws STALE when one changed meanwhile; NOT_READY while they cannot be looked at; CANCELLED
   */
  recheck(tables: { id: string; publisher: string; version: string }[]): Promise<void>
}

interface CallOptions {
  signal?: AbortSignal
}

/** Tasks, for the owner of this island and for everybody who knows an id. */
export interface TasksPort {
  /** Takes the unfinished ones up again. */
  start(): Promise<void>
  /** What outlives the island goes on, unless this is `forGood`. */
  stop(options?: { forGood?: boolean }): Promise<void>
  /**
   * Durable when it resolves; it goes on whoever leaves. The same idempotency key of the same user is the same task.
   * @throws DATASET_NOT_FOUND, AMBIGUOUS, SQL_INVALID, SQL_REFUSED, IDEMPOTENCY_CONFLICT, TOO_MANY, FORBIDDEN, BAD_INPUT, DISK_FULL
   */
  submit(request: SubmitRequest, options?: CallOptions & { user?: string }): Promise<TaskView>
  /** The choice of an island, without the forward. */
  place(request: SubmitRequest, options?: CallOptions & { user?: string }): Promise<Placement>
  list(query: TaskQuery): Promise<TaskPage>
  /** Of any island. @throws TASK_NOT_FOUND, UNREACHABLE */
  show(id: string, options?: CallOptions): Promise<TaskView>
  /** The view now and at each change, until the end state. */
  watch(id: string, options?: CallOptions): AsyncIterable<TaskView>
  log(id: string, range: { offset: number; limit: number }, options?: CallOptions): Promise<LogPage>
  /** A page of the table of the result. @throws TASK_STATE (no result yet), NOT_FOUND (no table), RESULT_EXPIRED */
  rows(id: string, page: { from: number; limit: number }, options?: CallOptions): Promise<RowsPage>
  /** An item of the result. */
  read(id: string, item: string, options?: CallOptions & { offset?: number }): AsyncIterable<Uint8Array>
  /** Durable when it resolves. A task that has ended stays as it is. @throws TASK_NOT_FOUND, FORBIDDEN (of another island) */
  cancel(id: string): Promise<TaskView>
  /** A new task with the same work. @throws TASK_STATE while it runs */
  retry(id: string, options?: { user?: string; idempotencyKey?: string }): Promise<TaskView>
}

/** Makes a dataset of the result of a task that succeeded. The same again is the same version. */
export type PublishResult = (
  task: TaskView,
  key: SpoolKey,
  options: { signal: AbortSignal },
) => Promise<{ id: string; version: string }>
