/** The code or main file that `run` and `actions save` are given, with what language it is. */
import { extname } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import type { SubmitRequest } from '../../protocols/model/views.ts'
import type { Cli } from './context.ts'
import { readFileText, readStdin } from './read-input.ts'
import { uploadMain } from './spark-options.ts'

const KINDS: Record<string, TaskKind> = { '.sql': 'sql', '.py': 'python', '.r': 'r', '.scala': 'scala', '.jar': 'jar' }

/** @throws BAD_INPUT when neither the name nor `--kind` says it */
export function kindOf(path: string, given: TaskKind | undefined): TaskKind {
  const kind = given ?? KINDS[extname(path).toLowerCase()]
  if (kind === undefined)
    throw new ArchipelError('BAD_INPUT', `${path === '-' ? 'standard input' : path}: what language is it?`, {
      hint: 'Files end with .sql, .py, .R, .scala or .jar; for others, and for standard input, give --kind.',
    })
  return kind
}

/** Fills in the code, or uploads the JAR. @throws BAD_INPUT, TOO_LARGE */
export async function fillIn(
  cli: Cli,
  path: string,
  request: Pick<SubmitRequest, 'kind' | 'code' | 'batch'>,
): Promise<void> {
  const { signal } = cli
  if (request.kind === 'jar') {
    if (path === '-') throw new ArchipelError('BAD_INPUT', 'a JAR is a file, not standard input')
    request.batch = { ...request.batch, main: await uploadMain(await cli.client(), path, signal) }
    return
  }
  request.code = path === '-' ? await readStdin(signal) : await readFileText(path)
  if (request.code.trim() === '') throw new ArchipelError('BAD_INPUT', `${path}: there is nothing to run`)
}
