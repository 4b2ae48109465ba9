/** The same files from a web server over TLS: nginx, or Node where there is none. */
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { transferKey } from '../../../src/node/identity/transfer-key.ts'
import type { BenchContext } from '../bench.ts'
import { until } from '../daemon.ts'
import { background, freePort, installed } from './run.ts'

export interface Served {
  /** `nginx` or `Node`. */
  name: string
  url: string
  pid: number
}

const SCRIPT = `
const { createReadStream, readFileSync } = require('node:fs')
const [pem, root, port] = process.argv.slice(1)
const [key, cert] = ['key', 'cert'].map((name) => readFileSync(pem + '.' + name))
require('node:https').createServer({ key, cert }, (request, response) => {
  const file = createReadStream(root + decodeURI(request.url), { highWaterMark: 2 ** 20 })
  file.on('error', () => response.destroy()).pipe(response)
}).listen(Number(port), '127.0.0.1')`

export async function serveByTls(context: BenchContext, root: string): Promise<Served> {
  const { dir } = context
  const { key, cert } = await transferKey(dir)
  const pem = join(dir, 'served')
  await writeFile(`${pem}.key`, key, { mode: 0o600 })
  await writeFile(`${pem}.cert`, cert)
  const port = await freePort()
  const name = installed('nginx') ? 'nginx' : 'Node'
  let server: ReturnType<typeof background>
  if (name === 'nginx') {
    const config = join(dir, 'nginx.conf')
    await writeFile(config, nginxConfig({ dir, pem, root, port }))
    server = background('nginx', ['-e', join(dir, 'nginx.log'), '-p', dir, '-c', config], context)
  } else server = background(process.execPath, ['-e', SCRIPT, pem, root, String(port)], context)
  await until(`${name} answers`, context, () => answers(port))
  return { name, url: `https://127.0.0.1:${port}`, pid: server.pid }
}

function nginxConfig({ dir, pem, root, port }: { dir: string; pem: string; root: string; port: number }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${dir}/tmp-${kind};`,
  )
  return `daemon off; worker_processes 1; pid ${dir}/nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off; sendfile on; keepalive_requests 1000000; ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} ssl; root ${root}; autoindex on;
    ssl_certificate ${pem}.cert; ssl_certificate_key ${pem}.key; ssl_protocols TLSv1.3;
  }
}
`
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
