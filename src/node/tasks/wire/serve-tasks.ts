import {
  attemptSpec,
  claimSpec,
  controlSpec,
  describeSpec,
  fromMessage,
  readSpec,
} from '../../../protocols/task/messages.ts'
import { serve } from '../../../protocols/wire/server.ts'
import type { NetworkPort } from '../../network/port.ts'
import type { TaskHandlers } from '../calls.ts'

/** Shows the tasks of this island to members. */
export async function serveTasks(
  network: Pick<NetworkPort, 'archipelagoId' | 'handleStream'>,
  handlers: TaskHandlers,
  options: { stopping: AbortSignal },
): Promise<void> {
  await serve(
    network,
    attemptSpec,
    (message, { remote, signal }) => handlers.attempt(fromMessage(message), remote.island ?? '', { signal }),
    options,
  )
  await serve(network, controlSpec, (request, { remote }) => handlers.control(request, remote.island ?? ''), options)
  await serve(network, claimSpec, (request, { remote }) => handlers.claim(request, remote.island ?? ''), options)
  await serve(
    network,
    readSpec,
    (request, { remote, signal }) => handlers.read(request, remote.island ?? '', { signal }),
    options,
  )
  await serve(
    network,
    describeSpec,
    async ({ task }) => ({ view: JSON.stringify(await handlers.describe(task)) }),
    options,
  )
}
