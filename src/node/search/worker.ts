/** The thread of `writer.ts`: writes changes into the index in the order they come. */
import { parentPort, workerData } from 'node:worker_threads'
import type { IndexChange, WriterReply } from './port.ts'
import { searchIndex } from './search-index.ts'

const { path } = workerData as { path: string }
const index = searchIndex({ path })()

parentPort?.on('message', (changes: IndexChange[]) => {
  const reply: WriterReply = { written: changes.length }
  try {
    index.follow(changes)
  } catch (error) {
    reply.failed = (error as Error).message
  }
  parentPort?.postMessage(reply)
})
