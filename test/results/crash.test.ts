import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { requires, suite } from '../kit/index.ts'
import { bytesOf, KEY, logText, sha256, spoolIn } from './kit.ts'

const test = suite('the spool after a crash')
const script = (name: string) => join(import.meta.dirname, name, 'main.ts')

test(
  'killed at any moment, every result that was finished is whole, and none is half there',
  async (t) => {
    for (const lines of [1, 2, 4, 7]) {
      const dir = await t.tmpdir()
      const child = spawn(process.execPath, [script('killed'), dir], { stdio: ['ignore', 'pipe', 'inherit'] })
      t.cleanup(() => child.kill('SIGKILL'))
      const gone = once(child, 'close')
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk
        if (text.split('\n').length > lines) child.kill('SIGKILL')
      })
      await gone
      const finished = text
        .split('\n')
        .filter((line) => line !== '')
        .map(Number)
      assert.ok(finished.length >= lines)

      const port = spoolIn(dir)
      await port.start(() => true)
      for (const attempt of finished) assert.ok(await port.meta({ ...KEY, attempt }), `${attempt} is there`)
      for (const name of await readdir(join(dir, KEY.task))) {
        const key = { ...KEY, attempt: Number(name) }
        const meta = await port.meta(key)
        if (meta === undefined) continue
        for (const item of meta.items)
          assert.is(
            sha256(await bytesOf(port.read(key, item.name, { offset: 0 }))),
            item.sha256,
            `${name} ${item.name}`,
          )
        const { rowCount } = meta.table!
        assert.is((await port.rows(key, { from: rowCount - 1, limit: 5 })).rowCount, 1)
        assert.is(await logText(port, key), `attempt ${name}\n`)
      }
      const half = { ...KEY, attempt: Math.max(...finished) + 1 }
      const again = await port.write(half)
      await again.finish(1)
      assert.equal((await port.meta(half))!.items, [])
    }
  },
  { timeoutMs: 90_000 },
)

test(
  'a disk that fills up is DISK_FULL: nothing half written counts, and all its space is given back',
  async (t) => {
    const unshare = ['-rm', 'sh', '-c']
    await requires(
      'mount namespaces for this user',
      async () => {
        const probe = spawn('unshare', [...unshare, 'mount -t tmpfs none /mnt'], { stdio: 'ignore' })
        return (await once(probe, 'close'))[0] === 0
      },
      'allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1)',
    )
    const dir = await t.tmpdir()
    const command = `mount -t tmpfs -o size=4m none "$1" && exec "$2" "$3" "$1"`
    const child = spawn('unshare', [...unshare, command, 'sh', dir, process.execPath, script('full-disk')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.cleanup(() => child.kill('SIGKILL'))
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk
    })
    await once(child, 'close')
    const said = JSON.parse(text)
    assert.is(said.rows, 'DISK_FULL')
    assert.is(said.finish, 'DISK_FULL')
    assert.is(said.meta, null)
    assert.ok(said.given < 64 * 1024, `${said.given} bytes stayed`)
    assert.is(said.received, 'DISK_FULL')
    assert.is(said.small, 'none')
    assert.ok(said.left.includes('3') && !said.left.includes('2'), said.left.join(' '))
  },
  { timeoutMs: 60_000 },
)

test.run()
