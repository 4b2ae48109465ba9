/** Files of a replica that is complete, brought to the folder that was asked for. */
import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { SourceFile } from '../publish/port.ts'
import { deliver } from './deliver.ts'
import { identityOf } from './identity.ts'
import { matches } from './names.ts'
import type { ReplicaStore, Transfer } from './port.ts'
import type { ReplicaShelf } from './shelf.ts'

export interface BringComponents {
  store: Pick<ReplicaStore, 'commit'>
  shelf: Pick<ReplicaShelf, 'files'>
  logger: Logger
}

/** For the transfer that runs: it is the one that writes there. @throws what `deliver` does */
export async function bringTo(
  { store, shelf, logger }: BringComponents,
  { folder, dataset, globs }: Transfer,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const chosen = async function* () {
    for await (const file of shelf.files(folder)) if (matches(globs, file.path)) yield file
  }
  /** A link changes what the system says of a file, and nothing of its bytes. */
  async function linked({ path, local, size, mtimeNs, ino }: SourceFile): Promise<void> {
    const seen = identityOf(await stat(local, { bigint: true }))
    if (seen.size !== size || seen.mtimeNs !== mtimeNs || seen.ino !== ino) return
    await store.commit({ files: [{ folder, path, state: { done: seen } }] })
  }
  const done = await deliver(chosen(), to, { mayLink: true, signal, onLinked: linked })
  logger.info({ dataset, ...done }, 'files were brought to a folder')
}
