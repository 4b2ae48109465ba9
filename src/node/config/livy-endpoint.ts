import { z } from 'zod'
import { about, bytes, DAY_MS, GiB, MiB, ms } from './parts.ts'

/** What is wrong with the address of a Livy (`livy.url`), which is shown in messages and logs: so it holds no secrets. */
export function livyUrlFault(text: string): string | undefined {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    return 'not a URL; write it like http://127.0.0.1:8998'
  const { username, password } = new URL(text)
  if (username !== '' || password !== '')
    return 'it has a user or a password, which are given as livy.user and livy.password'
  if (/[?#]/.test(text))
    return 'it has a query or a fragment; a user is given as livy.user, a password as livy.password'
  return undefined
}

/** The settings `web.livy`. */
export const livyEndpoint = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the Livy endpoint, /livy of the web service.'),
    holdMs: ms(0, 60_000)
      .default(1000)
      .describe(
        'Milliseconds that a Livy client which asks for one unfinished statement, session or batch waits for a change; 0 answers at once.',
      )
      .register(about, { unit: 'ms' }),
    lostMs: ms(1000, DAY_MS)
      .default(60_000)
      .describe('Milliseconds without a way to an island after which Livy sessions there count as dead.')
      .register(about, { unit: 'ms' }),
    batchLostMs: ms(1000, 30 * DAY_MS)
      .default(3_600_000)
      .describe('The same for Livy batches.')
      .register(about, { unit: 'ms' }),
    spoolBytes: bytes(1024, GiB)
      .default(4 * MiB)
      .describe('Bytes of the output of one statement above which it is kept on the disk and not in memory.')
      .register(about, { unit: 'bytes' }),
    perIsland: z
      .int()
      .min(1)
      .max(1000)
      .default(16)
      .describe('Livy sessions and batches of one other island that run here at a time.'),
    abandonedMs: ms(1000, 30 * DAY_MS)
      .default(3_600_000)
      .describe('Milliseconds without a sign of an island after which its Livy sessions here are ended.')
      .register(about, { unit: 'ms' }),
  })
  .prefault({})
