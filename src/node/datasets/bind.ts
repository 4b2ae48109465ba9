import type { DatasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError, type ErrorCode, toArchipelError } from '../../protocols/model/errors.ts'
import type { EngineName } from '../../protocols/model/spark.ts'
import type { BoundDataset } from '../engines/port.ts'
import type { SourceFile } from '../publish/port.ts'
import type { Publication } from './port.ts'

export interface BinderComponents {
  /** The publication, after a look at its files; `unsure`: nobody can tell just now whether they are the published ones. */
  look(id: string): Promise<(Publication & { unsure?: true }) | undefined>
  bodyOf(id: string): Promise<DatasetBody | undefined>
  /** Own ids that this one may mean: itself, and those that have it as an alias. */
  ownIds(id: string): string[]
  /** Paths of files, copied here where they are outside and `inPlace` says nothing else. */
  localPaths?(source: readonly SourceFile[], id: string, version: string, inPlace: boolean): Promise<string[]>
  /** The files of a whole replica of that version, where one is here. */
  replica?(pinned: Pinned): Promise<{ source: SourceFile[]; body: DatasetBody } | undefined>
}

export interface BindOptions {
  /** Of the work; `sql` by default. */
  kind?: string | undefined
  /** By default the built-in one, which reads local files only. Spark reads outside files where they are, as far as it can. */
  engine?: EngineName
}

interface Pinned {
  id: string
  version: string
}

/** Failures that say that the files are others, or are not here any more. */
const OTHERS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STALE', 'DATASET_NOT_FOUND'])
const AWAY_HINT =
  'Run it again when that island can read its files; its operator looks at the disk or share that they are on.'
const TABLES = new Set(['csv', 'parquet', 'jsonl'])

/** Binds datasets to the files of this island. A version is its content: whoever published it, it is the same data. */
export function binder({ look, bodyOf, ownIds, localPaths, replica }: BinderComponents) {
  /** @throws DATASET_NOT_FOUND, STALE, NOT_READY */
  async function find({ id, version }: Pinned): Promise<{ source: SourceFile[]; body: DatasetBody; own?: string }> {
    let why: ArchipelError | undefined
    for (const own of ownIds(id)) {
      const publication = await look(own)
      const body = publication === undefined ? undefined : await bodyOf(own)
      if (publication === undefined || body === undefined) continue
      if (publication.version !== version)
        why ??= new ArchipelError('STALE', `this island holds another version of ${id}`)
      else if (publication.unsure)
        why ??= new ArchipelError('NOT_READY', `the source files of ${id} cannot be read at the moment`, {
          hint: AWAY_HINT,
        })
      else if (publication.state === 'stale')
        why ??= new ArchipelError('STALE', `the source files of ${id} changed after publishing`)
      else return { source: publication.source, body, own }
    }
    const found = await replica?.({ id, version })
    if (found !== undefined) return found
    throw why ?? new ArchipelError('DATASET_NOT_FOUND', `this island does not hold ${id}`)
  }

  return {
    /** @throws DATASET_NOT_FOUND, STALE, NOT_READY (the files cannot be read just now), SQL_INVALID for what is no table and shall be one */
    async bind(tables: (Pinned & { table: string })[], options: BindOptions = {}): Promise<BoundDataset[]> {
      const bound: BoundDataset[] = []
      for (const wanted of tables) {
        const { source, body, own } = await find(wanted)
        if ((options.kind ?? 'sql') === 'sql' && (body.columns === undefined || !TABLES.has(body.format))) {
          throw new ArchipelError('SQL_INVALID', `${wanted.id} is not a table: it holds ${body.format}`, {
            hint: 'SQL reads datasets of format csv, parquet and jsonl.',
          })
        }
        const same = bound.find((b) => b.id === wanted.id)
        if (same !== undefined) {
          same.names.push(wanted.table)
          continue
        }
        bound.push({
          id: wanted.id,
          names: [wanted.table],
          format: body.format,
          columns: body.columns ?? [],
          ...(body.dialect === undefined ? {} : { dialect: body.dialect }),
          paths:
            own === undefined || localPaths === undefined
              ? source.map((f) => f.local)
              : await localPaths(source, own, wanted.version, options.engine === 'livy'),
        })
      }
      return bound
    },
    /** @throws STALE; NOT_READY while nobody can tell, CANCELLED when this island stops: neither says anything of the files */
    async recheck(tables: Pinned[]): Promise<void> {
      for (const pinned of tables) {
        try {
          await find(pinned)
        } catch (cause) {
          const { code } = toArchipelError(cause)
          if (code === 'CANCELLED') throw cause
          if (OTHERS.has(code))
            throw new ArchipelError('STALE', `the source files of ${pinned.id} changed while the work ran`, { cause })
          const words = `nobody can tell at the moment whether the source files of ${pinned.id} changed while the work ran`
          throw new ArchipelError('NOT_READY', words, { hint: AWAY_HINT, cause })
        }
      }
    },
  }
}
