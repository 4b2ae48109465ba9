import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { BatchWork, EngineName, SparkResources } from '../../../protocols/model/spark.ts'
import type { SubmitRequest } from '../../../protocols/model/views.ts'
import type { MainsPort } from '../../mains/port.ts'

export interface OnSpark {
  engine?: EngineName
  spark?: SparkResources
  batch?: BatchWork
}

const bad = (message: string, hint?: string) =>
  new ArchipelError('BAD_INPUT', message, hint === undefined ? {} : { hint })

/** Whether the request is for Spark and nothing else. */
function needsSpark({ kind, spark, batch }: SubmitRequest): boolean {
  return kind === 'scala' || kind === 'jar' || spark !== undefined || batch !== undefined
}

/** What is asked for fits together. @throws BAD_INPUT */
export function checkSpark(request: SubmitRequest): void {
  const { kind, code, engine, batch } = request
  if (engine === 'embedded' && needsSpark(request))
    throw bad(
      `the built-in engine does not run this: ${kind === 'scala' || kind === 'jar' ? `${kind} needs` : 'batches and their settings need'} Spark`,
      'Leave the engine out, or ask for livy.',
    )
  if (kind === 'jar' && batch?.main === undefined)
    throw bad('a JAR has a main file', 'Upload the file, and name it as the main file of the batch.')
  if (batch === undefined) return
  checkBatch(request, batch)
  if (batch.main === undefined ? code.trim() === '' : code !== '')
    throw batch.main === undefined
      ? bad(
          'there is no code to run',
          'Give the program as code, or upload a file and name it as the main file of the batch.',
        )
      : bad('a batch has a main file or code, not both', 'Leave one of them out.')
}

function checkBatch({ kind }: SubmitRequest, { main, className }: NonNullable<SubmitRequest['batch']>): void {
  if (kind !== 'jar' && kind !== 'python')
    throw bad(
      `a batch is a JAR or a Python program, not ${kind}`,
      'Without --batch (in a request: batch) it runs in a session of Spark.',
    )
  if (main !== undefined && !main.name.endsWith(kind === 'jar' ? '.jar' : '.py'))
    throw bad(
      `the main file of this batch ends with ${kind === 'jar' ? '.jar' : '.py'}`,
      'Rename the file, or ask for the kind that it is.',
    )
  if (className !== undefined && kind !== 'jar')
    throw bad('only a JAR has a class to be named', 'Leave out --class: a Python program begins at its first line.')
}

/** The same for the work, its main file found. @throws NOT_FOUND */
export async function sparkOf(request: SubmitRequest, mains: Pick<MainsPort, 'find'> | undefined): Promise<OnSpark> {
  const { spark, batch } = request
  const engine = needsSpark(request) ? 'livy' : request.engine
  if (engine === undefined) return {}
  const kept = batch?.main === undefined ? undefined : await mains?.find(batch.main)
  if (batch?.main !== undefined && kept === undefined)
    throw new ArchipelError('NOT_FOUND', `the main file ${batch.main.name} is not kept at this island`, {
      hint: 'Upload it first: POST /api/v1/mains answers with its name and hash.',
    })
  const { main: _, ...rest } = batch ?? {}
  return {
    engine,
    ...(spark === undefined ? {} : { spark }),
    ...(batch === undefined ? {} : { batch: kept === undefined ? rest : { ...rest, main: kept } }),
  }
}
