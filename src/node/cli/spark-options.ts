/** What Spark is asked for: Livy's parameters of sessions and batches as options. */
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type EngineName, engineName, type SparkResources } from '../../protocols/model/spark.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import type { SubmitRequest } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'
import { wholeNumber } from './whole-number.ts'

const collect = (value: string, before: string[] = []) => [...before, value]
const MAX_COUNT = 100_000

export interface SparkOptions {
  engine?: EngineName
  batch?: boolean
  class?: string
  arg?: string[]
  jars?: string[]
  pyFiles?: string[]
  files?: string[]
  archives?: string[]
  driverMemory?: string
  driverCores?: string
  executorMemory?: string
  executorCores?: string
  numExecutors?: string
  queue?: string
  conf?: string[]
  proxyUser?: string
}

export const SPARK_HELP = `
Scala and JARs need Spark; --engine livy asks for it in every language. --batch runs Python as a program in
a Spark of its own, as a JAR always is: it gets arguments by --arg, parameters and data as settings
spark.archipel.params.<name> and spark.archipel.datasets.<name>.path. What --jars, --py-files, --files and
--archives name are addresses that the Spark of the site can read, e.g. hdfs:///jars/a.jar.
`

export function sparkOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <engine>', 'livy is Spark, embedded the built-in engine').choices(engineName.options),
    )
    .option('--batch', 'run Python as a program in a Spark of its own')
    .option('--class <name>', 'the class of a JAR that is run')
    .option(
      '--arg <text>',
      'an argument of a batch; in an action {name} stands for a parameter (repeatable, in order)',
      collect,
    )
    .option('--jars <address>', 'a JAR beside (repeatable)', collect)
    .option('--py-files <address>', 'a Python file or archive beside (repeatable)', collect)
    .option('--files <address>', 'a file in the working directory of each executor (repeatable)', collect)
    .option('--archives <address>', 'an archive that is unpacked there (repeatable)', collect)
    .option('--driver-memory <size>', 'memory of the driver, e.g. 2g')
    .option('--driver-cores <n>', 'cores of the driver')
    .option('--executor-memory <size>', 'memory of an executor, e.g. 4g')
    .option('--executor-cores <n>', 'cores of an executor')
    .option('--num-executors <n>', 'executors')
    .option('--queue <name>', 'the queue of the cluster')
    .option('--conf <key=value>', 'a setting of Spark (repeatable)', collect)
    .option('--proxy-user <name>', 'run it as this user of the cluster, where its site allows that')
}

function confOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, key, value] = /^([^=\s]+)=(.*)$/s.exec(text) ?? []
      if (key === undefined)
        throw new ArchipelError('BAD_INPUT', `--conf: ${JSON.stringify(text.slice(0, 100))} is not key=value`)
      return [key, value!]
    }),
  )
}

function resourcesOf(options: SparkOptions): SparkResources | undefined {
  const { conf, driverCores, executorCores, numExecutors } = options
  const number = (text: string | undefined, flag: string) =>
    text === undefined ? undefined : wholeNumber(text, flag, MAX_COUNT)
  const resources: SparkResources = {
    proxyUser: options.proxyUser,
    jars: options.jars,
    pyFiles: options.pyFiles,
    files: options.files,
    archives: options.archives,
    driverMemory: options.driverMemory,
    driverCores: number(driverCores, '--driver-cores'),
    executorMemory: options.executorMemory,
    executorCores: number(executorCores, '--executor-cores'),
    numExecutors: number(numExecutors, '--num-executors'),
    queue: options.queue,
    conf: conf === undefined ? undefined : confOf(conf),
  }
  const given = Object.entries(resources).filter(([, value]) => value !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

export type OnSpark = Pick<SubmitRequest, 'engine' | 'spark' | 'batch'>

/** @throws BAD_INPUT */
export function onSpark(kind: TaskKind, options: SparkOptions): OnSpark {
  const { engine, class: className, arg: args } = options
  const isBatch = kind === 'jar' || options.batch === true
  if (!isBatch && (className !== undefined || args !== undefined))
    throw new ArchipelError('BAD_INPUT', '--class and --arg go with a JAR, or with --batch', {
      hint: 'Values for the code of other work are parameters: --param name=value.',
    })
  const spark = resourcesOf(options)
  const batch = { ...(className === undefined ? {} : { className }), ...(args === undefined ? {} : { args }) }
  return {
    ...(engine === undefined ? {} : { engine }),
    ...(spark === undefined ? {} : { spark }),
    ...(isBatch ? { batch } : {}),
  }
}

/** A name that a main file may have. */
function nameOf(path: string): string {
  return basename(path)
    .replace(/[^A-Za-z0-9_.+-]/g, '_')
    .replace(/^[.+-]+/, '_')
}

/** Sends the file to the island, which answers with its hash. @throws BAD_INPUT, TOO_LARGE */
export async function uploadMain(
  client: IslandClient,
  path: string,
  signal: AbortSignal,
): Promise<NonNullable<NonNullable<SubmitRequest['batch']>['main']>> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ArchipelError('BAD_INPUT', `${path} cannot be read (${cause.code})`, { cause })
  })
  if (!(await file.stat()).isFile()) {
    await file.close()
    throw new ArchipelError('BAD_INPUT', `${path} is no file`)
  }
  // The stream closes the file.
  return await client.mains.put(nameOf(path), file.createReadStream(), { signal })
}
