import type { DatasetView, FilePage, Preview } from '../../protocols/model/views.ts'
import { type BlocksComponents, blocks } from './blocks.ts'
import { diffVersions } from './difference.ts'
import { listFiles } from './files.ts'
import { type PreviewComponents, type PreviewRequest, previewer } from './preview.ts'

/** What is inside a dataset, wherever it is held. */
export interface Contents {
  /** @throws NO_HOLDER (details.islands), BAD_INPUT for a cursor that is none */
  files(view: DatasetView, page: { limit?: number; cursor?: string }, signal: AbortSignal): Promise<FilePage>
  /** @throws NO_HOLDER (details.islands), BAD_INPUT for a cursor that is none */
  diff(
    view: DatasetView,
    versions: { from: string; to: string },
    page: { limit?: number | undefined; cursor?: string | undefined },
    signal: AbortSignal,
  ): ReturnType<typeof diffVersions>
  /** @throws NOT_FOUND (no table), SCOPE_MISSING, STALE, NO_HOLDER, and what a task may fail with */
  preview(view: DatasetView, request: PreviewRequest): Promise<Preview>
}

export function contents(components: BlocksComponents & PreviewComponents): Contents {
  const blocksOf = blocks(components)
  return {
    files({ id, body, holders }, page, signal) {
      const there = holders.filter((h) => h.version === body.version).map((h) => h.island)
      return listFiles(body.version, blocksOf(id, body.version, there, signal), page)
    },
    diff({ id, publisher, holders }, { from, to }, page, signal) {
      // The publisher keeps the manifests of versions before, whose files it has no more.
      const side = (version: string) => {
        const there = holders.filter((h) => h.version === version).map((h) => h.island)
        return { version, block: blocksOf(id, version, [...new Set([...there, publisher.id])], signal) }
      }
      return diffVersions(side(from), side(to), page)
    },
    preview: previewer(components),
  }
}
