import { ArchipelError } from '../../../protocols/model/errors.ts'
import { parseRef } from '../../../protocols/model/ids.ts'
import { issueText } from '../../../protocols/model/issues.ts'
import {
  type BoundRef,
  MAX_CODE_BYTES,
  MAX_TASK_DATASETS,
  type Work,
  work as workSchema,
} from '../../../protocols/model/task.ts'
import type { SubmitRequest, TaskView } from '../../../protocols/model/views.ts'
import type { PlacementData } from '../../placement/port.ts'
import { canonical, sha256 } from '../hash.ts'
import type { OwnedTask } from '../store/records.ts'
import type { RequesterComponents } from './components.ts'
import { checkSpark, sparkOf } from './spark.ts'

const MIN_LEASE_MS = 200
const MAX_LEASE_MS = 3_600_000
const MAX_KEY_LENGTH = 255
const MAX_NAME_LENGTH = 200
const MAX_USER_LENGTH = 128

/** What a request means: its work, pinned, and who is said to hold the data. */
export interface Prepared {
  work: Omit<Work, 'task' | 'user'>
  data: PlacementData[]
  on?: string
}

/** Equal for requests that ask for the same. */
export function requestHash(request: SubmitRequest): string {
  const { idempotencyKey: _, ...rest } = request
  return sha256(canonical(rest))
}

/** @throws BAD_INPUT, BAD_ID */
export function checkRequest(request: SubmitRequest, user: string): void {
  const bad = (message: string) => new ArchipelError('BAD_INPUT', message)
  if (user.length === 0 || user.length > MAX_USER_LENGTH) throw bad(`a user has 1 to ${MAX_USER_LENGTH} characters`)
  if (Buffer.byteLength(request.code) > MAX_CODE_BYTES)
    throw new ArchipelError('TOO_LARGE', `the code has more than ${MAX_CODE_BYTES} bytes`)
  checkSpark(request)
  if (request.code.trim() === '' && request.batch?.main === undefined) throw bad('there is no code to run')
  const { leaseMs, idempotencyKey, name, datasets = [] } = request
  if (leaseMs !== undefined && !(Number.isInteger(leaseMs) && leaseMs >= MIN_LEASE_MS && leaseMs <= MAX_LEASE_MS))
    throw bad(`a lease has ${MIN_LEASE_MS} to ${MAX_LEASE_MS} milliseconds`)
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > MAX_KEY_LENGTH))
    throw bad(`an idempotency key has 1 to ${MAX_KEY_LENGTH} characters`)
  if (name !== undefined && name.length > MAX_NAME_LENGTH) throw bad(`a name has at most ${MAX_NAME_LENGTH} characters`)
  if (datasets.length > MAX_TASK_DATASETS) throw bad(`a task has at most ${MAX_TASK_DATASETS} datasets`)
  if (request.publish !== undefined) parseRef(request.publish.id)
}

/** Finds what the code reads and pins it. */
export function preparer({
  analyser,
  locate,
  islandNamed,
  mains,
}: Pick<RequesterComponents, 'analyser' | 'locate' | 'islandNamed' | 'mains'>) {
  /** @throws SQL_INVALID, SQL_REFUSED, DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID, BAD_INPUT, NOT_FOUND (the island) */
  return async (request: SubmitRequest, signal: AbortSignal): Promise<Prepared> => {
    const on = request.on === undefined ? undefined : islandNamed(request.on)
    const given = [...new Set(request.datasets ?? [])]
    const onSpark = await sparkOf(request, mains)
    // The SQL of Spark is not that of the analyser: where the data are named, nothing has to be found in the statement.
    const parsed = request.kind === 'sql' && !(onSpark.engine === 'livy' && given.length > 0)
    const tables = parsed ? await tablesOf(request, signal) : given
    if (tables.length > MAX_TASK_DATASETS)
      throw new ArchipelError('BAD_INPUT', `a statement reads at most ${MAX_TASK_DATASETS} datasets`)
    const data = await Promise.all(tables.map(async (table) => ({ ...(await locate(table, { signal })), table })))
    if (parsed) await areAmong(given, data, signal)
    const work = workSchema.omit({ task: true, user: true }).safeParse({
      kind: request.kind,
      code: request.code,
      datasets: data.map(({ table, id, publisher, version }): BoundRef => ({ table, id, publisher, version })),
      params: request.params ?? {},
      ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
      ...(request.maxRows === undefined ? {} : { maxRows: request.maxRows }),
      ...onSpark,
    })
    if (!work.success) throw new ArchipelError('BAD_INPUT', issueText(work.error.issues[0]!, request, 'the task'))
    return { work: work.data, data, ...(on === undefined ? {} : { on }) }
  }

  async function tablesOf({ code, params = {} }: SubmitRequest, signal: AbortSignal): Promise<string[]> {
    const { tables, parameters } = await analyser.analyse(code, { signal })
    if (parameters === undefined) return tables
    const missing = parameters.filter((name) => !Object.hasOwn(params, name))
    if (missing.length > 0)
      throw new ArchipelError(
        'SQL_INVALID',
        `the statement needs values for ${missing.map((m) => `$${m}`).join(', ')}`,
        {
          hint: 'Give each a value: --param name=value.',
        },
      )
    const unused = Object.keys(params).filter((name) => !parameters.includes(name))
    if (unused.length > 0)
      throw new ArchipelError('BAD_INPUT', `the statement does not use ${unused.map((u) => `$${u}`).join(', ')}`, {
        hint: 'Write the parameter as $name where its value belongs, or leave it out.',
      })
    return tables
  }

  async function areAmong(given: string[], data: PlacementData[], signal: AbortSignal): Promise<void> {
    for (const ref of given) {
      const { id } = await locate(ref, { signal })
      if (!data.some((d) => d.id === id))
        throw new ArchipelError('BAD_INPUT', `the statement does not read ${ref}`, {
          hint: 'Name the dataset as a table of the statement, or leave it out.',
        })
    }
  }
}

/** What was asked for when this task was, to ask for it again. */
export function requestOf(view: TaskView, record: OwnedTask | undefined): SubmitRequest {
  return {
    kind: view.kind,
    code: view.code,
    datasets: view.datasets.map((d) => d.table),
    params: view.params,
    atMostOnce: view.atMostOnce,
    ...(record?.on === undefined ? {} : { on: record.on }),
    ...(view.name === undefined ? {} : { name: view.name }),
    ...(view.timeoutMs === undefined ? {} : { timeoutMs: view.timeoutMs }),
    ...(view.maxRows === undefined ? {} : { maxRows: view.maxRows }),
    ...(view.publish === undefined ? {} : { publish: view.publish }),
    ...(record?.leaseMs === undefined ? {} : { leaseMs: record.leaseMs }),
    ...(view.engine === undefined ? {} : { engine: view.engine }),
    ...(view.spark === undefined ? {} : { spark: view.spark }),
    ...(view.batch === undefined ? {} : { batch: view.batch }),
    ...(view.action === undefined ? {} : { action: view.action }),
  }
}

/** A new task, as it is kept first. */
export function newTask(
  request: SubmitRequest,
  prepared: Prepared,
  fields: { id: string; user: string; now: number; leaseMs: number; retryOf?: string },
): OwnedTask {
  const { name, publish, idempotencyKey, action } = request
  const main = prepared.work.batch?.main
  return {
    v: 1,
    id: fields.id,
    user: fields.user,
    kind: request.kind,
    ...(name === undefined ? {} : { name }),
    state: 'queued',
    created: fields.now,
    codeSha256: main?.sha256 ?? sha256(request.code),
    ...(main === undefined ? {} : { main: main.sha256 }),
    ...(prepared.work.engine === undefined ? {} : { engine: prepared.work.engine }),
    ...(action === undefined ? {} : { action }),
    datasets: prepared.data.map((d) => d.id),
    ...(prepared.on === undefined ? {} : { on: prepared.on }),
    atMostOnce: request.atMostOnce === true,
    leaseMs: request.leaseMs ?? fields.leaseMs,
    ...(publish === undefined ? {} : { publish }),
    ...(fields.retryOf === undefined ? {} : { retryOf: fields.retryOf }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    attempts: [],
    lastAttempt: 0,
    cancelRequested: false,
    logBytes: 0,
  }
}
