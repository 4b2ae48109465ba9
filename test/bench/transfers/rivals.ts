/** What people would take instead of an island, one after the other, from the same disk over loopback. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchContext } from '../bench.ts'
import { until } from '../daemon.ts'
import { background, installed, type Ran, shell } from './run.ts'
import { type Served, serveByTls } from './served.ts'

export interface Rival {
  name: string
  ran: Ran
}

/** Files at once, of those that take several: as many as an island has pieces under work. */
const AT_ONCE = 16
const NEEDS = ['curl', 'openssl', 'aria2c', 'rclone', 'sendme']

export interface Rivals {
  /** The same bytes as those of the dataset, by each program that there is. The first is what ratios are made to. */
  fetch(paths: readonly string[]): Promise<Rival[]>
}

/** @param folder holds one folder of a name for each dataset */
export async function rivals(context: BenchContext, folder: string): Promise<Rivals> {
  const missing = NEEDS.filter((name) => !installed(name))
  if (missing.length > 0) context.say(`not installed, so not measured: ${missing.join(', ')}`)
  const served = await serveByTls(context, folder)
  if (served.name !== 'nginx') context.say('not installed, so Node serves instead: nginx')
  const to = join(context.dir, 'rival')
  return {
    async fetch(paths) {
      const found: Rival[] = []
      for (const [name, needs, command] of await commands(context, folder, served, to, paths)) {
        if (!needs.every(installed)) continue
        await rm(to, { recursive: true, force: true })
        await mkdir(to)
        context.say(name)
        const { text, pid } = await command()
        found.push({ name, ran: await shell(text, context, [pid]) })
      }
      await rm(to, { recursive: true, force: true })
      return found
    },
  }
}

type Command = [name: string, needs: string[], command: () => Promise<{ text: string; pid: number }>]

async function commands(
  context: BenchContext,
  folder: string,
  { name: server, url, pid }: Served,
  to: string,
  paths: readonly string[],
): Promise<Command[]> {
  const list = join(context.dir, 'list')
  const by = (text: string) => async () => ({ text, pid })
  const [first] = paths as [string]
  const top = first.slice(0, first.indexOf('/'))
  // What is received is hashed by all: an island does it, too.
  const hashed = `find ${to} -type f -print0 | xargs -0 openssl sha256`
  const send: Command = ['sendme', ['sendme'], () => sendme(context, join(folder, top), to)]
  if (paths.length === 1)
    return [
      [
        `curl from ${server}, piped into SHA-256`,
        ['curl', 'openssl'],
        by(`curl -sfk ${url}/${first} | openssl sha256`),
      ],
      [
        `curl from ${server}, then SHA-256`,
        ['curl', 'openssl'],
        by(`curl -sfk -o ${to}/one ${url}/${first} && ${hashed}`),
      ],
      [
        `aria2 from ${server}, then SHA-256`,
        ['aria2c', 'openssl'],
        by(`aria2c -q --check-certificate=false --file-allocation=none -x4 -s4 -d ${to} ${url}/${first} && ${hashed}`),
      ],
      [
        `rclone from ${server}, then SHA-256`,
        ['rclone', 'openssl'],
        by(`rclone copyurl --config /dev/null --no-check-certificate ${url}/${first} ${to}/one && ${hashed}`),
      ],
      send,
    ]
  await writeFile(list, paths.map((path, i) => `url = "${url}/${path}"\noutput = "${to}/${i}"`).join('\n'))
  await writeFile(`${list}.aria`, paths.map((path, i) => `${url}/${path}\n out=${i}`).join('\n'))
  const remote = `:http,url='${url}/${top}':`
  return [
    [
      `curl from ${server}, then SHA-256`,
      ['curl', 'openssl'],
      by(`curl -sfk --parallel --parallel-max ${AT_ONCE} -K ${list} && ${hashed}`),
    ],
    [
      `aria2 from ${server}, then SHA-256`,
      ['aria2c', 'openssl'],
      by(
        `aria2c -q --check-certificate=false --file-allocation=none -j${AT_ONCE} -d ${to} -i ${list}.aria && ${hashed}`,
      ),
    ],
    [
      `rclone from ${server}, then SHA-256`,
      ['rclone', 'openssl'],
      by(
        `rclone copy --config /dev/null --no-check-certificate --transfers ${AT_ONCE} --checkers ${AT_ONCE} "${remote}" ${to} && ${hashed}`,
      ),
    ],
    send,
  ]
}

/** It verifies by BLAKE3 itself. What it hashes before it offers is not counted: so it is with an island. */
async function sendme(context: BenchContext, folder: string, to: string): Promise<{ text: string; pid: number }> {
  const options = ['--relay', 'disabled', '--ticket-type', 'addresses', '--magic-ipv4-addr', '127.0.0.1:0']
  const server = background(
    'bash',
    ['-c', `cd ${context.dir} && exec sendme send ${options.join(' ')} ${folder}`],
    context,
  )
  let ticket: string | undefined
  await until('sendme offers', context, () => {
    ticket = /\b(blob[a-z2-7]{20,})/.exec(server.said())?.[1]
    return ticket !== undefined
  })
  return { text: `cd ${to} && sendme receive --relay disabled ${ticket}`, pid: server.pid }
}
