/** What the web service, the client library and the command line can do is the same, but for what `parity.ts` names. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { Cli } from '../../src/node/cli/context.ts'
import { buildProgram, loadCommands } from '../../src/node/cli/program.ts'
import { createClient } from '../../src/web/client/index.ts'
import { routeList } from '../../src/web/contract/routes.ts'
import { suite } from '../kit/index.ts'
import { LIBRARY_ONLY, OTHER_COMMAND, OTHER_FUNCTION } from './parity.ts'

const test = suite('web: one set of functions')

/** Of the library, and the words that routes and commands of the group begin with. */
const GROUPS: Record<string, string> = {
  tasks: 'task',
  tokens: 'token',
  sessions: 'session',
  statements: 'statement',
  actions: 'actions',
  mains: 'main',
  transfers: 'transfers',
  subscriptions: 'subscriptions',
  rules: 'rules',
  requests: 'requests',
  livy: 'livy',
}
const API = routeList.map(({ name }) => name as string).sort()

/** `tasks.show` -> `taskShow` */
function routeOf(path: string): string {
  const [group = '', name] = path.split('.')
  return name === undefined ? group : `${GROUPS[group]}${name[0]!.toUpperCase()}${name.slice(1)}`
}

/** `task show` -> `taskShow` */
function routeOfCommand(command: string): string {
  return command.replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase())
}

function libraryFunctions(): string[] {
  const client = createClient({ url: 'http://127.0.0.1:1' }) as unknown as Record<string, unknown>
  return Object.entries(client).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : Object.keys(value as object).map((inner) => `${name}.${inner}`),
  )
}

/** Those that do something: a command with commands of its own only groups them. */
async function commands(): Promise<string[]> {
  const program = buildProgram()
  await loadCommands(program, {} as Cli)
  return program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [command.name()]
      : command.commands.map((verb) => `${command.name()} ${verb.name()}`),
  )
}

test('the library has each function of the service by its name, and no more than is written down', () => {
  const own = libraryFunctions().filter((path) => !(path in LIBRARY_ONLY))
  assert.equal(own.map(routeOf).sort(), API)
  for (const path of Object.keys(LIBRARY_ONLY)) assert.ok(libraryFunctions().includes(path), `${path} is written down`)
})

test('the command line has each function of the service by its name, or the difference is written down', async () => {
  const all = await commands()
  const named = all.filter((command) => !(command in OTHER_FUNCTION)).map(routeOfCommand)
  assert.equal([...named, ...Object.keys(OTHER_COMMAND)].sort(), API)
})

test('what is written down is so: each name is one, and each difference has a reason', async () => {
  const all = await commands()
  for (const [name, { command, reason }] of Object.entries(OTHER_COMMAND)) {
    assert.ok(API.includes(name), `${name} is a function`)
    assert.not.ok(all.map(routeOfCommand).includes(name), `${name} has no command of its name`)
    assert.ok(command === undefined || all.includes(command), `${command} is a command`)
    assert.ok(reason.length > 10, name)
  }
  for (const [command, { functions, reason }] of Object.entries(OTHER_FUNCTION)) {
    assert.ok(all.includes(command), `${command} is a command`)
    assert.not.ok(API.includes(routeOfCommand(command)), `${command} has no function of its name`)
    for (const name of functions) assert.ok(API.includes(name), `${name} is a function`)
    assert.ok(reason.length > 5, command)
  }
})

test('the command line opens no connection of its own', () => {
  const root = fileURLToPath(new URL('../../src/node/cli/', import.meta.url))
  const files = globSync('**/*.ts', { cwd: root })
  assert.ok(files.length > 30)
  for (const file of files) {
    const text = readFileSync(`${root}/${file}`, 'utf8')
    assert.not.match(
      text,
      /\bfetch\(|\bWebSocket\b|\bEventSource\b|['"](node:)?(https?|http2|net|tls)['"]|['"]undici['"]/,
      file,
    )
  }
})

test.run()
