/** Puts a Spark from PyPI and a Livy into the cache folder; what is there already is used as it is. */
import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LivyFault } from './fault.ts'
import { findLivy } from './find-livy.ts'
import { cacheFolder, exclusively, run } from './tools.ts'

export const SPARK_VERSION = '3.5.7'
/** Livy 0.9 runs on these; the server script adds what 17 needs. Later ones fail in Spark 3.5. */
const JAVA_VERSIONS = [8, 11, 17]

/** Everything that a server needs to be started. */
export interface Assembled {
  livyHome: string
  /** Where the Livy came from. */
  livyFrom: string
  sparkHome: string
  /** The Python of drivers. */
  python: string
  cache: string
}

export interface AssembleOptions {
  env?: Record<string, string | undefined>
  say?(text: string): void
  signal?: AbortSignal
}

/** Fails with a `LivyFault` that says how to get what is missing. Several processes may do this at once. */
export async function assemble(options: AssembleOptions = {}): Promise<Assembled> {
  const { env = process.env, say = () => undefined, signal } = options
  const cache = cacheFolder(env)
  await checkJava(env, signal)
  return exclusively(
    cache,
    async () => {
      const livy = await findLivy({ cache, env, say, signal })
      const spark = await spark35(join(cache, `spark-${SPARK_VERSION}`), say, signal)
      return { cache, livyHome: livy.home, livyFrom: livy.from, ...spark }
    },
    signal,
  )
}

async function checkJava(env: Record<string, string | undefined>, signal?: AbortSignal): Promise<void> {
  const how = 'install Java 17 (Debian: apt-get install openjdk-17-jre-headless), or name one with JAVA_HOME'
  const java = env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java'
  const text = await run(java, ['-version'], signal).catch(() => undefined)
  if (text === undefined) throw new LivyFault('there is no Java', how)
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? []
  const version = Number(first === '1' ? second : first)
  if (!JAVA_VERSIONS.includes(version)) throw new LivyFault(`Spark 3.5 does not run on Java ${version}`, how)
}

async function spark35(venv: string, say: (text: string) => void, signal?: AbortSignal) {
  const python = join(venv, 'bin', 'python')
  const whole = join(venv, '.whole')
  if (!existsSync(whole)) {
    say(`installing Spark ${SPARK_VERSION} from PyPI (370 MB)`)
    await rm(venv, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', venv], signal).catch((error: Error) => {
      throw new LivyFault(error.message, 'Python 3.8 or later with venv is needed (Debian: python3 python3-venv)')
    })
    await run(
      python,
      ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', `pyspark==${SPARK_VERSION}`],
      signal,
    )
    await writeFile(whole, '')
  }
  for (const name of await readdir(join(venv, 'lib'))) {
    const sparkHome = join(venv, 'lib', name, 'site-packages', 'pyspark')
    if (existsSync(join(sparkHome, 'bin', 'spark-submit'))) return { sparkHome, python }
  }
  throw new LivyFault('the Spark in the cache folder is not whole', `remove ${venv} and try again`)
}
