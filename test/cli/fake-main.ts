/** The command line over a scripted daemon: what `main.ts` is over the real one. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DaemonPort } from '../../src/node/cli/daemon-port.ts'
import { runCli } from '../../src/node/cli/run.ts'
import { openTokenBook } from '../../src/node/identity/token-book.ts'
import { journalled, tokenPort } from '../../src/node/token-port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { webServer } from '../../src/web/server/web-server.ts'
import { datasetView, fakeHealth, fakeIsland, NOW, SELF } from '../web/fake-island.ts'

const ARCHIPELAGO = { id: `arc${'c'.repeat(32)}`, name: 'testers' }
const TOKEN = 'token-of-the-fake'

const daemon: DaemonPort = {
  async createArchipelago({ config, name }) {
    if (name === 'taken') throw new ArchipelError('ALREADY_MEMBER', 'this island belongs to an archipelago already')
    return {
      archipelago: { ...ARCHIPELAGO, name },
      island: { ...SELF, name: config.name },
      recoveryKey: 'recovery-key-once',
    }
  },
  async joinArchipelago({ config, ticket, signal }) {
    if (ticket === 'slow') {
      process.stderr.write('joining\n')
      await new Promise((_, reject) => {
        const alive = setInterval(() => {}, 1000)
        signal.addEventListener('abort', () => {
          clearInterval(alive)
          reject(new DOMException('aborted', 'AbortError'))
        })
      })
    }
    if (ticket !== 'good-ticket') throw new ArchipelError('TICKET_INVALID', `not a ticket: ${ticket}`)
    return { archipelago: ARCHIPELAGO, island: { ...SELF, name: config.name }, issuer: SELF }
  },
  async startIsland({ config, logger }) {
    await mkdir(config.dataDir, { recursive: true })
    const tokens = await openTokenBook({ path: join(config.dataDir, 'tokens.json'), owner: TOKEN })
    const journal = { write() {}, read: async () => ({ items: [] }) }
    const island = fakeIsland(tokenPort(tokens, journal, SELF.id))
    const stopped = Promise.withResolvers<void>()
    const server = webServer({ ...config.web, id: SELF.id })({
      island,
      health: fakeHealth(),
      access: journalled(tokens, journal, SELF.id),
      logger,
    })
    await server.start()
    await writeFile(join(config.dataDir, 'owner.token'), `${TOKEN}\n`, { mode: 0o600 })
    await writeFile(join(config.dataDir, 'daemon.json'), JSON.stringify({ pid: process.pid, url: server.url }))
    logger.info({ component: 'web', url: server.url }, 'listening')
    const stop = async () => {
      if (config.site === 'stuck') await new Promise((resolve) => setTimeout(resolve, 60_000))
      clearInterval(news)
      await server.stop()
      stopped.resolve()
    }
    const endless = async () => {
      process.stderr.write('asked\n')
      return await new Promise<never>(() => {})
    }
    async function* watch() {
      yield await endless()
    }
    const news = setInterval(() => {
      if (config.site === 'endless')
        island.emit({ type: 'dataset:changed', time: NOW, id: 'x', publisher: SELF, dataset: datasetView('x') })
    }, 100)
    island.script({
      ...(config.site === 'endless' ? { tasks: { watch }, publish: endless, resolve: endless } : {}),
      leave: async () => {
        setImmediate(() => void stop())
        return { withdrawn: 3, toldPeers: 1 }
      },
    })
    return {
      port: island,
      id: SELF.id,
      name: config.name,
      archipelago: ARCHIPELAGO,
      url: server.url,
      peerId: '12D3KooWFake',
      addresses: config.network.listen,
      stopped: stopped.promise,
      stop,
    }
  },
  async startDev({ islands, baseDir }) {
    const list = Array.from({ length: islands }, (_, n) => ({
      name: `island-${n + 1}`,
      id: SELF.id,
      url: `http://127.0.0.1:${9000 + n}`,
      token: 't',
      dataDir: join(baseDir ?? '/temporary', String(n + 1)),
      stop: async () => {},
    }))
    const alive = setInterval(() => {}, 1000)
    const stop = async () => {
      clearInterval(alive)
      process.stderr.write('all stopped\n')
    }
    return { archipelago: ARCHIPELAGO, islands: list, stop }
  },
}

process.exitCode = await runCli(process.argv.slice(2), { daemon: async () => daemon })
