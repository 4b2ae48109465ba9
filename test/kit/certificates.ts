/** Certificates for servers of tests at 127.0.0.1. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { requires, type TestContext } from './index.ts'

export interface Pem {
  key: string
  cert: string
  /** Where the certificate lies; of an authority, what its clients are told to believe. */
  certFile: string
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']

async function made(t: TestContext, args: (dir: string) => string[]): Promise<Pem & { keyFile: string }> {
  await requires('openssl', () => execFileSync('openssl', ['version']), 'install openssl')
  const dir = await t.tmpdir()
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const all = ['req', '-x509', ...NEW_KEY, '-keyout', keyFile, '-out', certFile, ...args(dir)]
  execFileSync('openssl', all, { stdio: 'ignore' })
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), keyFile, certFile }
}

const LOCAL = ['-subj', '/CN=a server of this test', '-addext', 'subjectAltName=IP:127.0.0.1']

/** A certificate that is signed by itself. */
export const selfSigned = (t: TestContext): Promise<Pem> => made(t, () => LOCAL)

/** An authority that nobody knows, and a server's certificate that it signed. */
export async function ownAuthority(t: TestContext): Promise<{ authority: Pem; server: Pem }> {
  const authority = await made(t, () => ['-subj', '/CN=an authority of this test'])
  const by = ['-CA', authority.certFile, '-CAkey', authority.keyFile, '-addext', 'basicConstraints=critical,CA:FALSE']
  return { authority, server: await made(t, () => [...LOCAL, ...by]) }
}
