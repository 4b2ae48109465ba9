/** Actions and main files in memory: the real ones over a catalog that is a map. */
import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { actions } from '../../src/node/actions/actions.ts'
import type { ActionsComponents, ActionsPort } from '../../src/node/actions/port.ts'
import type { Bucket } from '../../src/node/store/port.ts'
import { checkRequest } from '../../src/node/tasks/requester/submit.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { MainFile } from '../../src/protocols/model/spark.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import type { IslandMains, IslandTasks } from '../../src/web/ports.ts'

/** Records of kind `action`, of all islands; all see the same. */
export type FakeRecords = Map<string, SignedRecord>

export interface FakeActions {
  actions: ActionsPort
  mains: IslandMains
  journal: { actor: string; action: string; subject: string; outcome: string }[]
  /** Files fetched from other islands. */
  fetched: { file: MainFile; from: string }[]
}

function memoryBucket(): Bucket {
  const values = new Map<string, string>()
  return {
    get: async (key) => values.get(key),
    put: async (key, value) => void values.set(key, value),
    delete: async (key) => void values.delete(key),
    async *entries() {
      yield* [...values].sort(([a], [b]) => (a < b ? -1 : 1))
    },
    getBytes: async () => undefined,
    async *entriesBytes() {},
  }
}

export function fakeActions(
  self: { id: string; name: string },
  tasks: Pick<IslandTasks, 'submit'>,
  records: FakeRecords = new Map(),
): FakeActions {
  const journal: FakeActions['journal'] = []
  const fetched: FakeActions['fetched'] = []
  const files = new Map<string, MainFile>()
  const of = (origin?: string) => [...records.values()].filter((r) => origin === undefined || r.origin === origin)
  const catalog: ActionsComponents['catalog'] = {
    get: async (_, id) => records.get(id),
    async *list() {
      yield* of()
    },
    async *own() {
      yield* of(self.id)
    },
    async append(kind, id, body) {
      if (JSON.stringify(body).length > 64 * 1024) throw new ArchipelError('RECORD_INVALID', 'too large')
      const record = { kind, id, origin: self.id, body, time: Date.now() } as unknown as SignedRecord
      records.set(id, record)
      return record
    },
    async withdraw(_, id) {
      const record = records.get(id)
      records.delete(id)
      return record
    },
  }
  const made = actions(
    { self: self.id },
    {
      store: memoryBucket(),
      catalog,
      nameOf: (island) => (island === self.id ? self.name : island.slice(3, 8)),
      isMember: () => true,
      islandNamed: (text) => (text === self.name ? self.id : text),
      mains: { find: async ({ sha256 }) => files.get(sha256) },
      fetchMain: async (file, from) => {
        fetched.push({ file, from })
        files.set(file.sha256, file)
      },
      check: checkRequest,
      submit: async (request) => (await tasks.submit(request)) as TaskView,
      journal: { write: (entry) => void journal.push(entry), read: async () => ({ items: [] }) },
      logger: pino({ level: 'silent' }),
    },
  )
  return {
    actions: made,
    journal,
    fetched,
    mains: {
      async put(name, chunks) {
        const hash = createHash('sha256')
        let bytes = 0
        for await (const chunk of chunks) {
          hash.update(chunk)
          bytes += chunk.length
        }
        const file = { name, sha256: hash.digest('hex'), bytes }
        files.set(file.sha256, file)
        return file
      },
    },
  }
}
