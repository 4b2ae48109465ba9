/** Against a real server of XRootD, in a network of its own: it would listen on every address of the machine. */
import { execFileSync } from 'node:child_process'
import { chown, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { eventually, requires, suite } from '../kit/index.ts'
import { writeFiles } from '../replicas/kit.ts'
import { type Site, sourceContract } from './contract.ts'
import { serve } from './server.ts'

const test = suite('outside sources: XRootD')
const PORT = 1094
/** It does not run as root. */
const NOBODY = 65534
let site: Site

test.before(async (t) => {
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'ignore' }) === null
  await requires(
    'xrootd',
    () => run('which', 'xrootd') && run('which', 'xrdfs') && run('which', 'xrdsssadmin'),
    'install xrootd-server and xrootd-client',
  )
  await requires('network namespaces', () => run('unshare', '-n', 'ip', 'link'), 'run as root on Linux, with iproute2')
  const dir = await t.tmpdir()
  await writeFiles(dir, { 'data/survey/begin': '', 'admin/x': '' })
  const keys = { server: join(dir, 'server.keytab'), site: join(dir, 'site.keytab'), wrong: join(dir, 'wrong.keytab') }
  for (const key of [keys.server, keys.wrong])
    execFileSync('xrdsssadmin', ['-k', 'archipel', '-u', 'tester', '-g', 'users', 'add', key], { stdio: 'ignore' })
  execFileSync('cp', ['-p', keys.server, keys.site])
  const config = join(dir, 'xrootd.cfg')
  const lines = [
    `oss.localroot ${dir}/data`,
    'all.export /survey',
    `all.adminpath ${dir}/admin`,
    `all.pidpath ${dir}/admin`,
    'xrootd.seclib libXrdSec.so',
    `sec.protocol sss -s ${keys.server}`,
    'sec.protbind * only sss',
  ]
  await writeFile(config, `${lines.join('\n')}\n`)
  execFileSync('chown', ['-R', `${NOBODY}`, dir])
  for (const key of [keys.site, keys.wrong]) await chown(key, 0, 0)
  const up = `ip link set lo up && exec xrootd -R nobody -I v4 -p ${PORT} -c ${config} -l ${dir}/admin/log`
  const pid = serve(t, 'unshare', ['-n', 'sh', '-c', up], { cwd: dir })
  const program = join(dir, 'xrdfs')
  await writeFile(program, `#!/bin/sh\nexec nsenter -t ${pid} -n xrdfs "$@"\n`, { mode: 0o755 })
  const place = `root://127.0.0.1:${PORT}//survey/`
  const probe = [`XrdSecSSSKT=${keys.site}`, 'XRD_CONNECTIONWINDOW=1', 'XRD_CONNECTIONRETRY=1']
  await eventually(() => run('env', ...probe, program, `root://127.0.0.1:${PORT}`, 'stat', '/survey'), {
    timeoutMs: 30_000,
    signal: t.signal,
  })
  let seconds = 1_700_000_000
  site = {
    place,
    line: async () => `${place} keytab=${keys.site} program=${program}`,
    refused: async () => `${place} keytab=${keys.wrong} program=${program}`,
    async put(path, content) {
      const local = join(dir, 'data/survey', path)
      await writeFiles(join(dir, 'data/survey'), { [path]: content })
      await utimes(local, ++seconds, seconds)
      for (let each = local; each !== join(dir, 'data/survey'); each = dirname(each)) await chown(each, NOBODY, NOBODY)
    },
    secrets: [keys.site, keys.wrong, 'tester'],
  }
})

sourceContract(test, () => site)

test.run()
