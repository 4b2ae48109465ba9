/** The clients as they are run in tests, and what they are asked to do. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { TestContext } from '../../kit/index.ts'
import { type ClientName, clientPython } from './venv.ts'

const execute = promisify(execFile)
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024

/** Where a client connects to. */
export interface Address {
  url: string
  /** A Livy itself asks for none. */
  login?: { user: string; password: string }
}

/** Runs a program, of this folder where its path is relative; what it printed last, as JSON. */
export async function runClient(
  t: Pick<TestContext, 'signal' | 'tmpdir'>,
  name: ClientName,
  program: string,
  at: Address,
  args: string[],
): Promise<unknown> {
  const python = await clientPython(name, t.signal)
  const home = await t.tmpdir()
  await mkdir(join(home, 'sparkmagic'))
  await writeFile(join(home, 'sparkmagic', 'config.json'), JSON.stringify(sparkmagic(at)))
  const env = {
    PATH: `${join(python, '..')}:${process.env.PATH}`,
    HOME: home,
    LANG: 'C.UTF-8',
    LIVY_URL: at.url,
    LIVY_USER: at.login?.user ?? '',
    LIVY_PASSWORD: at.login?.password ?? '',
    SPARKMAGIC_CONF_DIR: join(home, 'sparkmagic'),
    JUPYTER_DATA_DIR: join(home, 'jupyter'),
    IPYTHONDIR: join(home, 'ipython'),
    AIRFLOW_HOME: join(home, 'airflow'),
    AIRFLOW_CONN_LIVY_DEFAULT: JSON.stringify({
      conn_type: 'livy',
      host: at.url,
      login: at.login?.user,
      password: at.login?.password,
    }),
  }
  const { stdout } = await execute(python, [resolve(import.meta.dirname, program), ...args], {
    env,
    cwd: home,
    signal: t.signal,
    maxBuffer: OUTPUT_MAX_BYTES,
  })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

function sparkmagic({ url, login }: Address) {
  const auth = login === undefined ? 'None' : 'Basic_Access'
  return {
    kernel_python_credentials: { username: login?.user ?? '', password: login?.password ?? '', url, auth },
    use_auto_viz: false,
    livy_session_startup_timeout_seconds: 180,
  }
}
