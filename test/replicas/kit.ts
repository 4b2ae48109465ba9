/** Islands of one process that fetch from each other, and data for them. */
import { createHash, randomFillSync } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileEntry } from '../../src/protocols/manifest/messages.ts'
import { pieceCount, pieceRange, pieceTableHash } from '../../src/protocols/manifest/pieces.ts'
import type { TransferView } from '../../src/protocols/model/transfer.ts'
import type { IslandPort } from '../../src/web/ports.ts'
import { eventually, type TestContext } from '../kit/index.ts'

/** Bytes that no other call gives, and that do not compress. */
export function bytes(size: number): Buffer {
  return randomFillSync(Buffer.alloc(size))
}

export async function writeFiles(folder: string, files: Record<string, Uint8Array | string>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

export const sha256 = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex')

const ENDS = ['available', 'partial', 'failed', 'cancelled', 'paused']

/** The transfer once nothing happens to it any more. */
export async function settled(
  port: Pick<IslandPort, 'transfers'>,
  id: string,
  t: Pick<TestContext, 'signal'>,
  timeoutMs = 30_000,
): Promise<TransferView> {
  return await eventually(
    async () => {
      const view = await port.transfers.show(id)
      if (!ENDS.includes(view.state)) throw new Error(`${view.state}: ${JSON.stringify(view.problem ?? view.done)}`)
      return view
    },
    { timeoutMs, intervalMs: 30, signal: t.signal },
  )
}

/** The hashes of its pieces. */
export function tableOf(content: Buffer): Buffer {
  return Buffer.concat(
    Array.from({ length: pieceCount(content.length) }, (_, i) => {
      const { offset, length } = pieceRange(content.length, i)
      return createHash('sha256')
        .update(content.subarray(offset, offset + length))
        .digest()
    }),
  )
}

/** Of a file as a manifest has it. */
export const entryOf = (path: string, content: Buffer): FileEntry => ({
  path,
  size: content.length,
  pieces: pieceTableHash(content.length, tableOf(content)),
})

/** Every file that has its final name at an island, by path, of all replicas. */
export async function finalFiles(dataDir: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  const root = join(dataDir, 'replicas')
  for (const folder of await readdir(root).catch(() => []))
    for (const entry of await readdir(join(root, folder, 'files'), { recursive: true, withFileTypes: true }).catch(
      () => [],
    ))
      if (entry.isFile()) {
        const path = join(entry.parentPath, entry.name)
        found.set(path.slice(join(root, folder, 'files').length + 1), await readFile(path))
      }
  return found
}
