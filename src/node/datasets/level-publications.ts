import { z } from 'zod'
import { parseRoot } from '../../protocols/manifest/read.ts'
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
  root: z.string().optional(),
  previous: z.array(z.string()).optional(),
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

  /** The root of a version and its pages, where the root is here. */
  async function blocksOf(id: string, version: string): Promise<string[]> {
    const root = await manifests.getBytes(`${id}\0${version}`)
    return root === undefined ? [] : [version, ...parseRoot(root).pages.map((page) => page.hash)]
  }

  return {
    async get(id) {
      const text = await publications.get(id)
      return text === undefined ? undefined : publication.parse(JSON.parse(text))
    },
    async put(value, manifest) {
      const old = new Set(manifest === undefined ? [] : await pageKeys(value.id))
      const pages = [...(manifest ?? [])].map(([hash, bytes]) => ({ key: `${value.id}\0${hash}`, bytes }))
      const kept = new Set(pages.map((p) => p.key))
      if (manifest !== undefined)
        for (const version of value.previous ?? [])
          for (const hash of await blocksOf(value.id, version)) kept.add(`${value.id}\0${hash}`)
      await store.batch([
        ...[...old].filter((key) => !kept.has(key)).map((key) => ({ bucket: 'manifests' as const, key, value: null })),
        // A page that is there already is the same: its content is its name.
        ...pages
          .filter(({ key }) => !old.has(key))
          .map(({ key, bytes }) => ({ bucket: 'manifests' as const, key, value: bytes })),
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
    async manifest(id, version) {
      const blocks = new Map<string, Uint8Array>()
      for (const hash of await blocksOf(id, version)) {
        const bytes = await manifests.getBytes(`${id}\0${hash}`)
        if (bytes !== undefined) blocks.set(hash, bytes)
      }
      return blocks
    },
    block: (id, hash) => manifests.getBytes(`${id}\0${hash}`),
  }
}
