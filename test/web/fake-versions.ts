/** Versions of scripted datasets: of each there is one. */
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { DatasetView } from '../../src/protocols/model/views.ts'
import type { IslandVersions } from '../../src/web/ports.ts'

export function fakeVersions(find: (ref: string) => DatasetView): IslandVersions {
  const none = { files: 0, bytes: 0 }
  return {
    async update(ref, { title } = {}, { onProgress } = {}) {
      const { id, body } = find(ref)
      const all = { files: body.files, bytes: body.size }
      onProgress?.({ phase: 'scan', files: { done: 1, total: 1 }, bytes: { done: 0, total: body.size } })
      return {
        id,
        from: body.version,
        version: body.version,
        changed: title !== undefined,
        recorded: title !== undefined,
        changes: { added: none, changed: none, removed: none },
        files: [],
        hashed: none,
        reused: all,
      }
    },
    async versions(ref) {
      const { id, publisher, body, holders } = find(ref)
      const { version, modified, files, size } = body
      return { id, publisher, items: [{ version, current: true, modified, files, size, holders }] }
    },
    async diff(ref, { from }) {
      const { id, publisher, body } = find(ref)
      if (!body.version.startsWith(from)) throw new ArchipelError('NOT_FOUND', `no version ${from}`)
      const changes = { added: none, changed: none, removed: none }
      return { id, publisher, from: body.version, to: body.version, same: true, changes, items: [] }
    },
  }
}
