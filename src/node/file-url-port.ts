/** Short-lived addresses of files, with a line in the journal for each that was made. */
import type { FileUrl, FileUrlRequest } from '../protocols/model/file-url.ts'
import { withJournal } from '../protocols/model/with-journal.ts'
import type { FileUrls } from './identity/file-urls.ts'
import type { JournalPort } from './journal/journal.ts'
import type { ReplicasPort } from './replicas/replicas.ts'

interface Options {
  signal?: AbortSignal
  user?: string
  /** The id of the token of who asks. */
  token?: string
}

export function fileUrlPort(components: {
  self: string
  replicas: Pick<ReplicasPort, 'read'>
  urls: Pick<FileUrls, 'make'>
  journal: JournalPort
}) {
  const { self, replicas, urls, journal } = components
  return {
    url(
      ref: string,
      { path, version: asked, expiresMs }: FileUrlRequest,
      { token = 'owner', ...options }: Options = {},
    ): Promise<FileUrl> {
      const entry = { actor: `${options.user ?? 'owner'}@${self}`, action: 'file:url', subject: ref.slice(0, 200) }
      return withJournal(
        journal,
        entry,
        async () => {
          const { dataset, publisher, version, bytes } = await replicas.read({ ref, path, version: asked }, options)
          const { url, expires } = urls.make({ ref: `${dataset}@${publisher}`, version, path }, { token, expiresMs })
          return { dataset, version, path, bytes, expires: new Date(expires).toISOString(), url }
        },
        { subject: ({ dataset }) => `${dataset} ${path}` },
      )
    },
  }
}
