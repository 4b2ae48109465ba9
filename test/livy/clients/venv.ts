/** Clients of Livy that other people made, each in a Python environment of its own, installed once and kept. */
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exclusively, run } from '../../../docker/livy/tools.ts'

const PACKAGES = {
  notebook: ['livy==0.8.0', 'sparkmagic==0.23.0', 'nbclient'],
  airflow: ['apache-airflow==2.10.5', 'apache-airflow-providers-apache-livy==4.4.5'],
} as const

export type ClientName = keyof typeof PACKAGES
export const CLIENTS = Object.keys(PACKAGES) as ClientName[]

/** The first time an environment takes minutes: gssapi of sparkmagic is compiled, Airflow has 280 MB. */
export const INSTALL_MS = 900_000

/**
 * The Python in which this client is installed. Several processes may ask at once: one installs, the others wait. sparkmagic needs
 * the headers of Kerberos (Debian: libkrb5-dev) and a C compiler.
 */
export async function clientPython(name: ClientName, signal?: AbortSignal): Promise<string> {
  const base = process.env.ARCHIPEL_TEST_CLIENTS ?? join(tmpdir(), 'archipel-ci-clients')
  const venv = join(base, `${name}-env`)
  const python = join(venv, 'bin', 'python')
  const whole = join(venv, '.whole')
  const packages = PACKAGES[name].join(' ')
  if (existsSync(whole)) return python
  await exclusively(
    join(base, name),
    async () => {
      if (existsSync(whole)) return
      await rm(venv, { recursive: true, force: true })
      await run('python3', ['-m', 'venv', venv], signal)
      await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES[name]], signal)
      await writeFile(whole, packages)
    },
    signal,
  )
  return python
}
