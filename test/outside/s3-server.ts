/** A real server of S3 on loopback, over a folder. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { AwsClient } from 'aws4fetch'
import { eventually, freePort, requires, type TestContext } from '../kit/index.ts'

export interface S3Server {
  url: string
  region: string
  accessKey: string
  secretKey: string
  /** A bucket is a folder in it, an object a file. */
  dir: string
  put(bucket: string, key: string, body: string | Uint8Array): Promise<void>
  /** Everybody may list and read it. */
  makePublic(bucket: string): Promise<void>
}

const COMMAND = process.env.ARCHIPEL_TEST_VERSITYGW ?? 'versitygw'

export async function s3Server(t: TestContext): Promise<S3Server> {
  await requires(
    'versitygw',
    () => execFileSync(COMMAND, ['--version'], { stdio: 'ignore' }) === null,
    'install it (go install github.com/versity/versitygw/cmd/versitygw@latest), or name it in ARCHIPEL_TEST_VERSITYGW',
  )
  const [accessKey, secretKey, region] = ['tester', 'only-for-tests', 'eu-test-1']
  const dir = await t.tmpdir()
  const port = await freePort()
  for (const bucket of ['survey', 'open']) await mkdir(`${dir}/${bucket}`)
  const child = spawn(COMMAND, ['--port', `127.0.0.1:${port}`, '--region', region, 'posix', dir], {
    env: { ...process.env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  t.cleanup(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  const client = new AwsClient({
    accessKeyId: accessKey,
    secretAccessKey: secretKey,
    region,
    service: 's3',
    retries: 0,
  })
  const send = async (method: string, path: string, body?: string | Uint8Array) => {
    const answer = await client.fetch(`${url}/${path}`, {
      method,
      ...(body === undefined ? {} : { body: body as BodyInit }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  await eventually(() => send('GET', ''), { timeoutMs: 30_000, signal: t.signal })
  return {
    url,
    region,
    accessKey,
    secretKey,
    dir,
    put: (bucket, key, body) => send('PUT', `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`, body),
    async makePublic(bucket) {
      const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
      const Statement = [{ Effect: 'Allow', Principal: '*', Action: ['s3:ListBucket', 's3:GetObject'], Resource }]
      await send('PUT', `${bucket}?policy`, JSON.stringify({ Version: '2012-10-17', Statement }))
    },
  }
}
