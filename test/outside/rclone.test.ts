/** Against a server of SFTP and one of WebDAV, reached as a site reaches them: by its rclone and its configuration. */
import { execFileSync } from 'node:child_process'
import { utimes, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { eventually, freePort, rejects, requires, suite } from '../kit/index.ts'
import { writeFiles } from '../replicas/kit.ts'
import { type Site, sourceContract } from './contract.ts'
import { listed, sourcesOf } from './kit.ts'
import { serve } from './server.ts'

const PASSWORD = 'only-for-tests'
const FACES = {
  sftp: (port: number) => `host = 127.0.0.1\nport = ${port}\nshell_type = none`,
  webdav: (port: number) => `url = http://127.0.0.1:${port}\nvendor = other`,
}

for (const [kind, settings] of Object.entries(FACES)) {
  const test = suite(`outside sources: rclone over ${kind}`)
  let site: Site

  test.before(async (t) => {
    await requires('rclone', () => execFileSync('rclone', ['version'], { stdio: 'ignore' }) === null, 'install rclone')
    const dir = await t.tmpdir()
    const [data, config, home] = [join(dir, 'data'), join(dir, 'rclone.conf'), join(dir, 'home')]
    await writeFiles(data, { 'survey/begin': '' })
    const port = await freePort()
    const env = { PATH: process.env.PATH, HOME: home, RCLONE_CONFIG: '/dev/null' }
    const who = ['--user', 'tester', '--pass', PASSWORD]
    serve(t, 'rclone', ['serve', kind, data, '--dir-cache-time', '0s', '--addr', `127.0.0.1:${port}`, ...who], { env })
    await eventually(() => reached(port), { timeoutMs: 30_000, signal: t.signal })
    const hidden = (word: string) => execFileSync('rclone', ['obscure', word], { env }).toString().trim()
    const remote = (name: string, password: string) =>
      `[${name}]\ntype = ${kind}\nuser = tester\npass = ${hidden(password)}\n${settings(port)}\n`
    await writeFile(config, remote('away', PASSWORD))
    await writeFile(`${config}.wrong`, remote('away', 'guessed'))
    const place = 'rclone:away:survey/'
    let seconds = 1_700_000_000
    site = {
      place,
      line: async () => `${place} config=${config}`,
      refused: async () => `${place} config=${config}.wrong`,
      async put(path, content) {
        await writeFiles(join(data, 'survey'), { [path]: content })
        await utimes(join(data, 'survey', path), ++seconds, seconds)
      },
      secrets: [PASSWORD, 'guessed', config, 'tester'],
    }
  })

  sourceContract(test, () => site, { island: kind === 'sftp' })

  test('remotes that no configuration names, and programs that are not there, are told', async (t) => {
    for (const place of [
      'rclone::sftp,host=h:x',
      'rclone:away,host=h:x',
      'rclone:-x:y',
      'rclone:x',
      'rclone:away:a\nb',
    ])
      await rejects(listed(await sourcesOf(t, { sources: [] }), place, t), 'BAD_INPUT')
    const line = await site.line(t)
    const port = await sourcesOf(t, {
      sources: [line.replace('away:survey/', 'nobody:'), `${line} program=/nowhere/rclone`],
    })
    await rejects(listed(port, 'rclone:nobody:x/y', t), 'SOURCE_REFUSED')
    await rejects(listed(port, `${site.place}x`, t), 'SOURCE_UNREACHABLE')
  })

  test.run()
}

async function reached(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject)).finally(() =>
    socket.destroy(),
  )
}
