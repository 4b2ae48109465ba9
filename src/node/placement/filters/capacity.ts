import type { Filter } from '../facts.ts'
import { bytesText } from '../words.ts'

export const capacity: Filter = ({ memoryBytes, wantedMemoryBytes }) =>
  memoryBytes !== undefined && wantedMemoryBytes !== undefined && wantedMemoryBytes > memoryBytes
    ? {
        code: 'MEMORY_LIMIT',
        reason: `allows ${bytesText(memoryBytes)} of memory, ${bytesText(wantedMemoryBytes)} are wanted`,
      }
    : undefined
