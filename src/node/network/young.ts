/** Buffers of what passed the network: their memory is taken back while they are young. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes sent and received between two looks at young objects. */
export const LOOK_EVERY_BYTES = 4 * 1024 * 1024

/**
 * What passes a connection lies in four or five buffers one after the other, which are dead after milliseconds. Their memory is
 * outside of the heap, and by itself V8 looks through the whole heap for every 32 MiB of it, on all threads: measured, more
 * than half of the processor time of a transfer. A look at young objects frees the same in a millisecond or two.
 *
 * @returns to be called for all bytes that pass
 */
export function youngBuffers(): (bytes: number) => void {
  const look = collector()
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < LOOK_EVERY_BYTES) return
    passed = 0
    look()
  }
}

/** A context made while the flag is set has the function; nobody else gets it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void
  setFlagsFromString('--no-expose-gc')
  return () => gc({ type: 'minor' })
}
