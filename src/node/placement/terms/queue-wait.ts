import type { TermOf } from '../facts.ts'

/** The wait for a slot, by the island's own measured history. */
export const queueWait: TermOf = ({ queue }) => ({
  name: 'queue wait',
  seconds: queue.waitMs / 1000,
  reason: queue.reason,
})
