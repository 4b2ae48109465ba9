import { createHash, randomUUID } from 'node:crypto'
import { mkdir, realpath, stat } from 'node:fs/promises'

/**
 * A word for the programs of the engine with this folder of its own: the same in every run of the island, another for
 * every other island. The folder is made if it is not there.
 */
export async function islandMark(scratchDir: string): Promise<string> {
  await mkdir(scratchDir, { recursive: true })
  const path = await realpath(scratchDir)
  // The path alone may be another folder in a container.
  const { dev, ino } = await stat(path, { bigint: true })
  return createHash('sha256').update(`${dev}:${ino}:${path}`).digest('hex').slice(0, 32)
}

/** The word of one program of that island. */
export async function programMark(scratchDir: string): Promise<string> {
  return `${await islandMark(scratchDir)}.${randomUUID()}`
}
