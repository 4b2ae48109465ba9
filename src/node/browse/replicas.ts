import { type ReplicaBody, replicaBody, replicaRecordId } from '../../protocols/model/dataset.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import type { CatalogChange, CatalogPort } from '../catalog/port.ts'
import type { HeldBy } from '../resolve/port.ts'

/** Who holds which version of what, by the replica records of all origins: in memory, rebuilt at start. */
export interface ReplicaTable {
  holders(publisher: string, dataset: string): HeldBy[]
  /** Datasets (publisher and id) whose holders changed. */
  apply(changes: CatalogChange[]): { publisher: string; id: string }[]
  load(catalog: CatalogPort): Promise<void>
  heldBy(origin: string): number
}

export function replicaTable(): ReplicaTable {
  const byClaim = new Map<string, Map<string, HeldBy>>()
  const counts = new Map<string, number>()

  function put(origin: string, body: ReplicaBody, time: number): void {
    const key = replicaRecordId(body.publisher, body.dataset)
    const holders = byClaim.get(key) ?? new Map<string, HeldBy>()
    byClaim.set(key, holders)
    if (!holders.has(origin)) counts.set(origin, (counts.get(origin) ?? 0) + 1)
    const { state, version, coming } = body
    holders.set(origin, { island: origin, state, version, time, ...(coming === undefined ? {} : { coming }) })
  }

  function remove(origin: string, key: string): boolean {
    const holders = byClaim.get(key)
    if (holders?.delete(origin) !== true) return false
    if (holders.size === 0) byClaim.delete(key)
    counts.set(origin, (counts.get(origin) ?? 1) - 1)
    return true
  }

  const claimOf = (key: string) => ({ publisher: key.slice(0, key.indexOf('/')), id: key.slice(key.indexOf('/') + 1) })

  return {
    holders: (publisher, dataset) => [...(byClaim.get(replicaRecordId(publisher, dataset))?.values() ?? [])],
    heldBy: (origin) => counts.get(origin) ?? 0,
    apply(changes) {
      const touched = new Map<string, { publisher: string; id: string }>()
      const touch = (key: string) => touched.set(key, claimOf(key))
      for (const change of changes) {
        if (change.type === 'dropped') {
          for (const key of [...byClaim.keys()]) if (remove(change.origin, key)) touch(key)
        } else if (change.type === 'withdrawn') {
          if (change.kind === 'replica' && remove(change.origin, change.id)) touch(change.id)
        } else if (change.record.kind === 'replica') {
          const body = parseUntrusted(replicaBody, change.record.body)
          // The record's id has to be the one of its body, or two records could tell of one replica.
          if (!body.success || replicaRecordId(body.data.publisher, body.data.dataset) !== change.record.id) continue
          put(change.record.origin, body.data, change.record.time)
          touch(change.record.id)
        }
      }
      return [...touched.values()]
    },
    async load(catalog) {
      for await (const record of catalog.list('replica')) {
        const body = parseUntrusted(replicaBody, record.body)
        if (body.success && replicaRecordId(body.data.publisher, body.data.dataset) === record.id)
          put(record.origin, body.data, record.time)
      }
    },
  }
}
