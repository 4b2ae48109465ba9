/** The thread of `writer.ts`: writes changes into the index in the order they come. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { IndexChange, WriterReply } from './port.ts'
import { searchIndex } from './search-index.ts'

/** Entries of one transaction, and most that are taken from the queue for one: some 20 MB. */
const BATCH = 5000

const { path } = workerData as { path: string }
const index = searchIndex({ path, batch: BATCH })()

parentPort?.on('message', (first: IndexChange[]) => {
  const changes = [...first]
  let entries = size(first)
  while (entries < BATCH) {
    const next = receiveMessageOnPort(parentPort!) as { message: IndexChange[] } | undefined
    if (next === undefined) break
    changes.push(...next.message)
    entries += size(next.message)
  }
  const reply: WriterReply = { written: changes.length }
  try {
    index.follow(changes)
  } catch (error) {
    reply.failed = (error as Error).message
  }
  parentPort?.postMessage(reply)
})

function size(changes: IndexChange[]): number {
  return changes.reduce((sum, c) => sum + (c.type === 'put' ? c.entries.length : 1), 0)
}
