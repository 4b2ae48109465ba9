import { z } from 'zod'
import type { Bucket, StorePort } from '../store/port.ts'
import type { Publication, PublicationStore } from './port.ts'

const sourceFile = z.object({
  path: z.string(),
  local: z.string(),
  size: z.number(),
  mtimeNs: z.string(),
  ctimeNs: z.string(),
  ino: z.string(),
})
const publication = z.object({
  id: z.string(),
  version: z.string(),
  source: z.array(sourceFile),
  state: z.enum(['available', 'stale']),
})

/** Publications and the pages of their manifests in the island's store. */
export function levelPublications(store: StorePort): PublicationStore {
  const publications: Bucket = store.bucket('publications')
  const manifests: Bucket = store.bucket('manifests')
  const pagesOf = (id: string) => ({ from: `${id}\0`, below: `${id}\u0001` })

  async function pageKeys(id: string): Promise<string[]> {
    const keys: string[] = []
    for await (const [key] of manifests.entriesBytes(pagesOf(id))) keys.push(key)
    return keys
  }

  return {
    async get(id) {
      const text = await publications.get(id)
      return text === undefined ? undefined : publication.parse(JSON.parse(text))
    },
    async put(value, manifest) {
      const old = manifest === undefined ? [] : await pageKeys(value.id)
      const pages = [...(manifest ?? [])].map(([hash, bytes]) => ({ key: `${value.id}\0${hash}`, bytes }))
      const kept = new Set(pages.map((p) => p.key))
      await store.batch([
        ...old.filter((key) => !kept.has(key)).map((key) => ({ bucket: 'manifests' as const, key, value: null })),
        ...pages.map(({ key, bytes }) => ({ bucket: 'manifests' as const, key, value: bytes })),
        { bucket: 'publications', key: value.id, value: JSON.stringify(value satisfies Publication) },
      ])
    },
    async delete(id) {
      const pages = (await pageKeys(id)).map((key) => ({ bucket: 'manifests' as const, key, value: null }))
      await store.batch([{ bucket: 'publications', key: id, value: null }, ...pages])
    },
    async ids() {
      const ids: string[] = []
      for await (const [id] of publications.entries()) ids.push(id)
      return ids
    },
    async manifest(id) {
      const pages = new Map<string, Uint8Array>()
      for await (const [key, bytes] of manifests.entriesBytes(pagesOf(id))) pages.set(key.slice(id.length + 1), bytes)
      return pages
    },
    block: (id, hash) => manifests.getBytes(`${id}\0${hash}`),
  }
}
