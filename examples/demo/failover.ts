/**
 * Two islands hold one dataset; the one that runs a task is killed while it does, and the result comes from the other.
 * Both publish the same file under the same id: equal files are one version, whoever publishes them.
 */
import { join } from 'node:path'
import type { TableResult } from '../../src/protocols/model/task.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { archipel, DATA, demoError, kill, type Running, waitFor } from './islands.ts'

const ID = 'doi:10.5072/bright-stars'
/** Milliseconds of silence after which the task is given to another island; 60 s where nobody says anything. */
const LEASE_MS = 3000
/** 13 million pairs of stars that are seen by eye: it takes a second or more. */
const LONG_QUESTION = `SELECT a.constellation, count(*) AS close_pairs
FROM bright_stars a JOIN bright_stars b ON a.hr < b.hr AND a.vmag < 6 AND b.vmag < 6
WHERE a.constellation IS NOT NULL AND separation(a.ra, a.dec, b.ra, b.dec) < 0.5
GROUP BY ALL ORDER BY close_pairs DESC, constellation LIMIT 5`

export interface Failover {
  task: TaskView
  killed: string
  table: TableResult
}

export async function failover(
  islands: Running[],
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Failover> {
  const holders = islands.slice(0, 2)
  const asker = islands[2]!
  for (const { name, dataDir } of holders) {
    say(`${name} publishes bright_stars.csv as ${ID} ...`)
    const words = [
      '--id',
      ID,
      '--name',
      'bright_stars',
      '--title',
      'Yale Bright Star Catalogue, 5th edition',
      '--licence',
      'MIT',
    ]
    await archipel(['publish', join(DATA, 'bright_stars.csv'), ...words, '--data-dir', dataDir, '--json'], signal)
  }
  const found = await waitFor('both holders known at the third island', signal, async () => {
    const { holders: known } = await asker.client.resolve({ ref: ID }).catch(() => ({ holders: [] }))
    return known.filter((h) => h.confirmed).length === 2
      ? known.toSorted((a, b) => a.name.localeCompare(b.name))
      : undefined
  })
  say(`  ${asker.name} knows: ${found.map((h) => `${h.name} holds version ${h.version.slice(0, 12)}`).join(', ')}`)

  say(`\n${asker.name} asks:\n\n    ${LONG_QUESTION.replaceAll('\n', '\n    ')}\n`)
  const { id } = await asker.client.tasks.submit({ kind: 'sql', code: LONG_QUESTION, leaseMs: LEASE_MS })
  say(`  task ${id}`)
  let killed: Running | undefined
  let last: TaskView | undefined
  let words = ''
  for await (const view of asker.client.tasks.watch(id, { signal })) {
    last = view
    const attempt = view.attempts.at(-1)
    const now = attempt === undefined ? view.state : `attempt ${attempt.number} at ${attempt.name}: ${attempt.state}`
    if (now !== words) say(`  ${now}`)
    words = now
    if (killed !== undefined || attempt?.state !== 'running') continue
    killed = holders.find((island) => island.name === attempt.name)
    if (killed === undefined) continue
    await kill(killed)
    say(`  ${killed.name} is killed (SIGKILL); it is given ${LEASE_MS / 1000} s to show a sign of life ...`)
  }
  if (last === undefined || killed === undefined) throw demoError('the task ended before its island could be killed')
  if (last.state !== 'succeeded') throw demoError(`the task ${last.state}: ${last.error?.message}`)
  const table = await asker.client.tasks.rows(id, { from: 0, limit: 100 }, { signal })
  return { task: last, killed: killed.name, table }
}
