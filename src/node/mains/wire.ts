import { ArchipelError } from '../../protocols/model/errors.ts'
import type { MainFile } from '../../protocols/model/spark.ts'
import { type MainRequest, mainSpec } from '../../protocols/task/messages.ts'
import { callSeries, type StreamOpener } from '../../protocols/wire/client.ts'
import { type StreamAcceptor, serve } from '../../protocols/wire/server.ts'
import type { MainSource, MainsPort } from './port.ts'

interface RemoteComponents {
  network: StreamOpener
  /** @returns the peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect(island: string, signal: AbortSignal): Promise<string>
}

/** A main file at another island: of a task that this one has an attempt of, or of an action that it shared. */
export function remoteMain(
  { network, connect }: RemoteComponents,
  from: { island: string; file: MainFile; task?: string },
): MainSource {
  const { island, file, task } = from
  return async function* (offset, signal) {
    const { name, sha256 } = file
    const request: MainRequest = { name, sha256, offset, ...(task === undefined ? {} : { task }) }
    const peerId = await connect(island, signal)
    for await (const { bytes } of callSeries(network, peerId, mainSpec, request, { signal })) yield bytes
  }
}

/** `mayRead`: whether the island may have the file. */
export async function serveMains(
  network: StreamAcceptor,
  mains: Pick<MainsPort, 'read'>,
  mayRead: (request: MainRequest, island: string) => Promise<boolean>,
  options: { stopping: AbortSignal },
): Promise<void> {
  async function* answer(request: MainRequest, island: string): AsyncGenerator<{ bytes: Uint8Array }> {
    if (!(await mayRead(request, island)))
      throw new ArchipelError('NOT_FOUND', 'there is no such main file for this island')
    for await (const bytes of mains.read(request, request.offset)) yield { bytes }
  }
  await serve(network, mainSpec, (request, { remote }) => answer(request, remote.island ?? ''), options)
}
