/** Tasks in memory, scripted: a task waits until the test moves it on. */
import { createHash } from 'node:crypto'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Cell, ResultMeta } from '../../src/protocols/model/task.ts'
import { TABLE_ITEM } from '../../src/protocols/model/task.ts'
import { FINAL_STATES } from '../../src/protocols/model/task-states.ts'
import type * as V from '../../src/protocols/model/views.ts'
import type { IslandTasks } from '../../src/web/ports.ts'

const TIME = '2026-01-02T03:04:05.000Z'
const VERSION = 'ab'.repeat(32)
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')

interface Place {
  id: string
  name: string
}

export interface FakeTasks extends IslandTasks {
  /** Changes a task and tells its watchers. */
  move(id: string, change: Partial<V.TaskView>): void
  /** Ends a task with a table and other items. */
  succeed(id: string, result: { rows?: Cell[][]; items?: Record<string, [mediaType: string, content: string]> }): void
  print(id: string, text: string): void
  view(id: string): V.TaskView
  /** What a new task does at once; nothing unless set. */
  onSubmit: (view: V.TaskView) => void
  readonly ids: string[]
}

/** An id of a task that was asked at this island. */
export function fakeTaskId(island: string, n: number): string {
  return `task-${island}-${String(n).padStart(12, '0')}`
}

export function fakeTasks(self: Place, other: Place): FakeTasks {
  const views = new Map<string, V.TaskView>()
  const keys = new Map<string, string>()
  const logs = new Map<string, string>()
  const contents = new Map<string, Map<string, Uint8Array>>()
  const watchers = new Set<() => void>()

  const explain: V.TaskView['explain'] = [
    {
      island: other.id,
      name: other.name,
      chosen: true,
      holds: [`archipel:${other.id}/stars`],
      confirmed: true,
      reason: 'holds all of it',
      seconds: 0.34,
      terms: [
        { name: 'queue', seconds: 0.3, reason: '1 of 4 slots is free' },
        { name: 'result', seconds: 0.04, reason: '10 MB/s' },
      ],
    },
    {
      island: self.id,
      name: self.name,
      chosen: false,
      holds: [],
      confirmed: false,
      reason: 'holds none of it',
      excluded: true,
    },
  ]

  const find = (id: string): V.TaskView => {
    const view = views.get(id)
    if (view === undefined) throw new ArchipelError('TASK_NOT_FOUND', `no task ${id} is known here`)
    return view
  }

  const put = (id: string, change: Partial<V.TaskView>) => {
    views.set(id, { ...find(id), ...change })
    for (const wake of watchers) wake()
  }

  const resultOf = (id: string): ResultMeta => {
    const { result, state } = find(id)
    if (result === undefined) throw new ArchipelError('TASK_STATE', `the task is ${state}`)
    return result
  }

  const contentOf = (id: string, item: string): Uint8Array => {
    resultOf(id)
    const found = contents.get(id)?.get(item)
    if (found === undefined) throw new ArchipelError('NOT_FOUND', `the result has no item ${item}`)
    return found
  }

  const tasks: FakeTasks = {
    onSubmit: () => {},
    get ids() {
      return [...views.keys()]
    },
    move: put,
    view: find,
    print(id, text) {
      const log = (logs.get(id) ?? '') + text
      logs.set(id, log)
      put(id, { logBytes: Buffer.byteLength(log) })
    },
    succeed(id, { rows, items = {} }) {
      const files = new Map<string, Uint8Array>()
      const types = new Map<string, string>()
      if (rows !== undefined) {
        files.set(TABLE_ITEM, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')))
        types.set(TABLE_ITEM, 'application/x-ndjson')
      }
      for (const [name, [mediaType, content]] of Object.entries(items)) {
        files.set(name, Buffer.from(content))
        types.set(name, mediaType)
      }
      contents.set(id, files)
      const first = [...types.values()].find((type) => type !== 'application/x-ndjson') ?? ''
      const kind =
        rows !== undefined
          ? 'table'
          : first.startsWith('image/')
            ? 'image'
            : first === 'application/json'
              ? 'json'
              : first === 'text/plain'
                ? 'text'
                : first === ''
                  ? 'none'
                  : 'files'
      const list = [...files].map(([name, bytes]) => ({
        name,
        mediaType: types.get(name)!,
        bytes: bytes.length,
        sha256: sha256(bytes),
      }))
      const columns = [
        { name: 'name', type: 'VARCHAR' },
        { name: 'vmag', type: 'DOUBLE' },
      ]
      put(id, {
        state: 'succeeded',
        ranAt: { island: other.id, name: other.name },
        ended: TIME,
        elapsedMs: 12.5,
        result: {
          kind,
          items: list,
          ...(rows === undefined ? {} : { table: { columns, rowCount: rows.length, truncated: false } }),
          bytes: list.reduce((sum, i) => sum + i.bytes, 0),
          elapsedMs: 10,
        },
      })
    },

    async submit(request) {
      const known = request.idempotencyKey === undefined ? undefined : keys.get(request.idempotencyKey)
      if (known !== undefined) {
        if (find(known).code !== request.code)
          throw new ArchipelError('IDEMPOTENCY_CONFLICT', 'the key was used for another task')
        return find(known)
      }
      const id = fakeTaskId(self.id, views.size + 1)
      const view: V.TaskView = {
        id,
        kind: request.kind,
        user: 'owner',
        ...(request.name === undefined ? {} : { name: request.name }),
        state: 'queued',
        code: request.code,
        codeSha256: sha256(request.code),
        params: request.params ?? {},
        datasets: [{ table: 'stars', id: `archipel:${other.id}/stars`, publisher: other.id, version: VERSION }],
        askedAt: { island: self.id, name: self.name, time: TIME },
        attempts: [],
        explain,
        logBytes: 0,
        atMostOnce: request.atMostOnce ?? false,
        cancelRequested: false,
        elapsedMs: 0,
        from: { island: self.id, name: self.name, role: 'requester' },
      }
      views.set(id, view)
      if (request.idempotencyKey !== undefined) keys.set(request.idempotencyKey, id)
      tasks.onSubmit(view)
      return find(id)
    },
    place: async () => ({ order: [{ island: other.id, seconds: 0.34 }], explain }),
    async list({ state, limit = 50, cursor = '0' }) {
      const all = [...views.values()].reverse().filter((v) => state === undefined || v.state === state)
      const from = Number(cursor)
      const items = all.slice(from, from + limit).map(
        (v): V.TaskSummary => ({
          id: v.id,
          kind: v.kind,
          user: v.user,
          ...(v.name === undefined ? {} : { name: v.name }),
          state: v.state,
          askedAt: v.askedAt,
          ...(v.ranAt === undefined ? {} : { ranAt: v.ranAt }),
          elapsedMs: v.elapsedMs,
          ...(v.waitsFor === undefined ? {} : { waitsFor: v.waitsFor }),
          datasets: v.datasets.map((d) => d.table),
          ...(v.error === undefined ? {} : { error: { code: v.error.code, message: v.error.message } }),
          ...(v.result?.table === undefined ? {} : { rowCount: v.result.table.rowCount }),
        }),
      )
      return { items, ...(from + limit < all.length ? { next: String(from + limit) } : {}) }
    },
    show: async (id) => find(id),
    async *watch(id, { signal } = {}) {
      let seen: V.TaskView | undefined
      let wake = () => {}
      const watcher = () => wake()
      watchers.add(watcher)
      signal?.addEventListener('abort', watcher)
      try {
        for (;;) {
          signal?.throwIfAborted()
          const view = find(id)
          if (view !== seen) {
            seen = view
            yield view
            if (FINAL_STATES.has(view.state)) return
            continue
          }
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      } finally {
        watchers.delete(watcher)
        signal?.removeEventListener('abort', watcher)
      }
    },
    async log(id, { offset, limit }) {
      const { state } = find(id)
      const all = Buffer.from(logs.get(id) ?? '')
      const part = all.subarray(offset, offset + limit)
      const next = offset + part.length
      const ended = FINAL_STATES.has(state) && next >= all.length
      return { text: part.toString(), offset, next, total: all.length, ended }
    },
    async rows(id, { from, limit }) {
      const { table } = resultOf(id)
      if (table === undefined) throw new ArchipelError('NOT_FOUND', 'the result is no table')
      const lines = Buffer.from(contentOf(id, TABLE_ITEM)).toString().split('\n').slice(0, -1)
      const rows = lines.slice(from, from + limit).map((line) => JSON.parse(line) as Cell[])
      return {
        columns: table.columns,
        rows,
        rowCount: rows.length,
        truncated: table.truncated,
        from,
        total: table.rowCount,
      }
    },
    async *read(id, item, { offset = 0 } = {}) {
      const content = contentOf(id, item)
      const half = Math.ceil((content.length + offset) / 2)
      if (half > offset) yield content.subarray(offset, half)
      if (content.length > half) yield content.subarray(half)
    },
    async table(id, format) {
      const { rows } = await tasks.rows(id, { from: 0, limit: 1e9 })
      async function* body() {
        yield Buffer.from(`${format}\n`)
        for (const row of rows) yield Buffer.from(`${row.join()}\n`)
      }
      return {
        mediaType: format === 'csv' ? 'text/csv' : `application/${format}`,
        fileName: `table.${format}`,
        body: body(),
      }
    },
    async cancel(id) {
      if (!FINAL_STATES.has(find(id).state)) put(id, { state: 'cancelled', cancelRequested: true, ended: TIME })
      return find(id)
    },
    async retry(id) {
      const before = find(id)
      if (!FINAL_STATES.has(before.state)) throw new ArchipelError('TASK_STATE', 'the task has not ended')
      const { id: again } = await tasks.submit({ kind: before.kind, code: before.code, params: before.params })
      put(again, { retryOf: id })
      return find(again)
    },
  }
  return tasks
}
