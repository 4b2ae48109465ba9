// Searches the datasets of all islands, then asks one of them a question:
//   ARCHIPEL_URL=http://127.0.0.1:9411 ARCHIPEL_TOKEN=... node search-and-run.mjs stars
import { ArchipelError, createClient, iterate } from 'archipel/client'

const client = createClient({
  url: process.env.ARCHIPEL_URL ?? 'http://127.0.0.1:9411',
  token: process.env.ARCHIPEL_TOKEN,
})
const text = process.argv[2] ?? 'stars'

// Ctrl-C ends the call under way, and cancels the task.
const abort = new AbortController()
process.once('SIGINT', () => abort.abort())
const { signal } = abort

try {
  for await (const { body, holders } of iterate(client.datasets, { text }, { signal })) {
    console.log(`${body.name}: ${body.title}, at ${holders.map(({ name }) => name).join(', ')}`)
  }
  const { task, columns, rows } = await client.tasks.run(
    { kind: 'sql', code: 'SELECT name, vmag FROM bright_stars WHERE name IS NOT NULL ORDER BY vmag LIMIT 5' },
    { signal, onChange: ({ state, ranAt }) => console.error(`  ${state} ${ranAt?.name ?? ''}`) },
  )
  console.log(`${task.id} ran at ${task.ranAt.name}`)
  console.log(columns.join('\t'))
  for await (const row of rows) console.log(row.join('\t'))
} catch (error) {
  if (!(error instanceof ArchipelError)) throw error
  console.error(`${error.code}: ${error.message}\n${error.hint}`)
  process.exitCode = 1
} finally {
  await client.close()
}
