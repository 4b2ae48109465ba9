/** Settings of rules about copies. */
import { z } from 'zod'
import { about, DAY_MS, ms } from './parts.ts'

const ruler = z
  .string()
  .max(64)
  .regex(/^(members|isl[a-z2-7]{32})$/, 'members, or an island id ("isl" and 32 base32 characters)')

export const rules = z.strictObject({
  accept: z
    .array(ruler)
    .max(64)
    .default([])
    .describe(
      'Whose rules may bring copies here beside those of the owner: islands (ids), or members for all. None by default, since a rule spends disk and line of this island; replicas.quotaBytes bounds it in any case.',
    ),
  claimMs: ms(100, DAY_MS)
    .default(60_000)
    .describe('How long an island whose turn it is has to claim a copy, before the next one has its turn.')
    .register(about, { unit: 'ms' }),
  lostMs: ms(1000, 365 * DAY_MS)
    .default(DAY_MS)
    .describe(
      'After how long without a sign of life the copies of an island count no more, so that rules replace them.',
    )
    .register(about, { unit: 'ms' }),
})
