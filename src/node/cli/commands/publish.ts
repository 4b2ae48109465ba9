import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { needsQuotes } from '../../../protocols/model/sql-names.ts'
import type { PublishProgress, PublishRequest, UpdateRequest } from '../../../protocols/model/views.ts'
import type { Cli } from '../context.ts'
import { describeDataset } from '../describe-dataset.ts'
import { describeUpdate } from '../describe-versions.ts'
import { withProgress } from '../progress.ts'

const collect = (value: string, before: string[] = []) => [...before, value]

/** `Name <orcid> (affiliation)`, the last two optional. */
export function parseCreator(text: string): NonNullable<PublishRequest['creators']>[number] {
  const [, name, orcid, affiliation] =
    /^\s*([^<>()]+?)\s*(?:<\s*(?:https?:\/\/orcid\.org\/)?([^<>]*?)\s*>)?\s*(?:\((.*)\))?\s*$/.exec(text) ?? []
  if (name === undefined || (orcid !== undefined && !/^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$/.test(orcid))) {
    throw new ArchipelError('BAD_INPUT', `--creator: ${JSON.stringify(text.slice(0, 100))} is not a creator`, {
      hint: 'Write "Name", "Name <0000-0002-1825-0097>" or "Name <0000-0002-1825-0097> (Affiliation)".',
    })
  }
  return { name, ...(orcid === undefined ? {} : { orcid }), ...(affiliation ? { affiliation } : {}) }
}

/** Of `rclone:remote:path` the rest is no URL. */
const isUrl = (path: string) => /^([a-z][a-z0-9+.-]*:\/\/|rclone:)/i.test(path)

/** The island names no path of its own; here it is the user's. */
function named(error: unknown, path: string): unknown {
  if (!(error instanceof ArchipelError) || error.code !== 'BAD_INPUT' || isUrl(path) || existsSync(path)) return error
  return new ArchipelError('BAD_INPUT', `${path}: ${error.message}`, {
    hint: 'Give a path on the machine where the island runs.',
    cause: error,
  })
}

const PHASES = {
  scan: 'looking for files',
  fetch: 'reading the source',
  hash: 'hashing',
  inspect: 'reading the schema',
  record: 'publishing',
} as const

function shown({ phase, bytes }: PublishProgress): [string, number?, number?] {
  return phase === 'hash' || phase === 'fetch' ? [PHASES[phase], bytes.done, bytes.total] : [PHASES[phase]]
}

const RESUMES = 'Nothing was published; the same command goes on where this one stopped.'

interface Options extends Omit<PublishRequest, 'path' | 'keywords' | 'creators' | 'aliases'> {
  update?: string
  dryRun?: boolean
  keyword?: string[]
  creator?: string[]
  alias?: string[]
}

export function define(command: Command, cli: Cli): void {
  command
    .argument(
      '[path]',
      'a file or folder on the machine of the island, or a place in an outside source: https://..., s3://..., hdfs://..., root://..., rclone:...',
    )
    .option('--update <dataset>', 'publish this dataset again: a new version, where anything changed')
    .option('--dry-run', 'with --update: say what would change, and write nothing')
    .option(
      '--id <id>',
      'a persistent id (doi:, ivo:, urn:, https:) or a plain name (default: archipel:<island>/<name of the file>)',
    )
    .option('--name <name>', 'short name, which SQL may use (default: from the file name)')
    .option('--title <text>', 'title')
    .option('--description <text>', 'description')
    .option('--keyword <word>', 'keyword (repeatable)', collect)
    .option('--licence <spdx>', 'licence: SPDX id or URL')
    .option('--creator <name>', '"Name <orcid> (affiliation)" (repeatable)', collect)
    .option('--origin <place>', 'a public place of the same files, told to all: https://... or s3://...')
    .option('--alias <id>', 'another id of the same dataset (repeatable)', collect)
    .addOption(
      new Option('--as <format>', 'read it as this, whatever it looks like').choices([
        'csv',
        'parquet',
        'jsonl',
        'fits',
        'files',
      ]),
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ archipel publish bright_stars.csv --title "Yale Bright Star Catalog" --keyword stars --licence MIT\n  $ archipel publish --update bright_stars --dry-run\n  $ archipel publish s3://survey/dr1/ --id dr1',
    )
    .action(async (path: string | undefined, { keyword, creator, alias, update, dryRun, ...rest }: Options) => {
      const { io } = cli
      if (path === '') throw new ArchipelError('BAD_INPUT', 'the path is empty')
      const words = { ...rest, keywords: keyword, creators: creator?.map(parseCreator), aliases: alias }
      const place = path === undefined ? undefined : isUrl(path) ? path : resolve(path)
      if (update !== undefined) {
        if (rest.id !== undefined) throw new ArchipelError('BAD_INPUT', 'give --update or --id, not both')
        const request: UpdateRequest = {
          ...words,
          ...(place !== undefined && { path: place }),
          ...(dryRun && { dryRun }),
        }
        const done = await run(cli, place, (options) => cli.client().then((c) => c.update(update, request, options)))
        return io.json ? io.printJson(done) : io.print(describeUpdate(done))
      }
      if (place === undefined) throw new ArchipelError('BAD_INPUT', 'the path is missing')
      if (dryRun) throw new ArchipelError('BAD_INPUT', '--dry-run goes with --update')
      const view = await run(cli, place, (options) =>
        cli.client().then((c) => c.publish({ path: place, ...words }, options)),
      )
      if (io.json) return io.printJson(view)
      io.print(describeDataset(view, io, { brief: true }))
      if (['csv', 'parquet', 'jsonl'].includes(view.body.format)) {
        io.note(`Next: archipel sql ${sample(view.body.name)}`)
      }
    })
}

/** With its progress; Ctrl-C says what became of it. */
async function run<T>(
  { io, signal }: Cli,
  path: string | undefined,
  work: (options: { signal: AbortSignal; onProgress: (news: PublishProgress) => void }) => Promise<T>,
): Promise<T> {
  return await withProgress(io, 'publishing', (progress) =>
    work({ signal, onProgress: (news) => progress.update(...shown(news)) }),
  ).catch((error) => {
    if (!signal.aborted) throw path === undefined ? error : named(error, path)
    io.note(`Stopped. ${RESUMES}`)
    throw new ArchipelError('CANCELLED', 'publishing was stopped', { hint: RESUMES, cause: error })
  })
}

function sample(name: string): string {
  return needsQuotes(name) ? `'SELECT count(*) FROM "${name}"'` : `"SELECT count(*) FROM ${name}"`
}
