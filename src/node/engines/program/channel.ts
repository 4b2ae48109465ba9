import { execFile } from 'node:child_process'
import { constants, open as openFile } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { which } from '../process/tools.ts'

/** Two named pipes: R opens no inherited descriptor, and a sandbox has no /proc to name one by. */
export interface Channel {
  requests: Socket
  replies: Socket
  close(): void
}

const run = promisify(execFile)
const open = promisify(openFile)

/** Makes and opens the pipes `in` and `out` (as the program sees them) in a new folder. */
export async function openChannel(dir: string): Promise<Channel> {
  await mkdir(dir, { mode: 0o700 })
  const mkfifo = await which('mkfifo')
  if (mkfifo === undefined) throw new ArchipelError('ENGINE_FAILED', 'mkfifo is not installed: programs cannot be run')
  const [requests, replies] = [join(dir, 'in'), join(dir, 'out')]
  await run(mkfifo, ['-m', '600', requests, replies], { env: {} })
  // Open at both ends from the start, so that neither side waits for the other: the end of the program is told by its exit.
  const flags = constants.O_RDWR | constants.O_NONBLOCK
  const input = new Socket({ fd: await open(requests, flags), readable: false, writable: true })
  const output = new Socket({ fd: await open(replies, flags), readable: true, writable: false })
  input.on('error', () => {})
  output.on('error', () => {})
  return {
    requests: input,
    replies: output,
    close() {
      input.destroy()
      output.destroy()
    },
  }
}
