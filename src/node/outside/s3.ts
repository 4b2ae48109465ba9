/** Objects of S3 and of services that speak it: signed (Signature Version 4) or anonymous, at any endpoint. */
import { AwsV4Signer } from 'aws4fetch'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Credentials, credentialsOf } from './credentials.ts'
import { type Endpoint, optionFile } from './endpoint.ts'
import type { Listed, OutsideSource } from './port.ts'
import { rangeBytes, rangeHeaders } from './ranges.ts'
import { type Answer, agent, ask, type Call, discard, header, tagOf, textOf } from './request.ts'

const DEFAULT_REGION = 'us-east-1'

/** @throws CONFIG_INVALID */
export function s3Source(endpoint: Endpoint): OutsideSource {
  const { region = DEFAULT_REGION, style } = endpoint.options
  const base = new URL(endpoint.options.endpoint ?? `https://s3.${region}.amazonaws.com`)
  const perHost = style === undefined ? endpoint.options.endpoint === undefined : style === 'host'
  const credentials = credentialsOf(endpoint)
  const dispatcher = agent(optionFile(endpoint, 'ca'))

  function address(bucket: string, key: string, query: Record<string, string>): string {
    const url = new URL(base)
    if (perHost) url.hostname = `${bucket}.${url.hostname}`
    const path = key.split('/').map(encoded).join('/')
    url.pathname = perHost ? `/${path}` : `/${bucket}/${path}`
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return url.href
  }

  async function call(url: string, { method, headers = {}, signal }: Call): Promise<Answer> {
    const signed = credentials === undefined ? { url, headers } : await sign(url, method, headers, credentials, region)
    return await ask(dispatcher, signed.url, { method, headers: signed.headers, signal })
  }

  async function stat(url: string, signal: AbortSignal): Promise<Listed> {
    const { bucket, key } = partsOf(url)
    const answer = await call(address(bucket, key, {}), { method: 'HEAD', signal })
    await discard(answer)
    const size = Number(header(answer, 'content-length'))
    return { path: key.split('/').at(-1)!, url, size, tag: tagOf(answer) }
  }

  async function* below(bucket: string, prefix: string, signal: AbortSignal): AsyncGenerator<Listed> {
    let token: string | undefined
    do {
      const query = {
        'list-type': '2',
        'encoding-type': 'url',
        ...(prefix === '' ? {} : { prefix }),
        ...(token === undefined ? {} : { 'continuation-token': token }),
      }
      const answer = await call(address(bucket, '', query), { method: 'GET', signal })
      const page = parseList(await textOf(answer))
      for (const { key, size, tag } of page.objects)
        if (!key.endsWith('/') && key.startsWith(prefix))
          yield { path: key.slice(prefix.length), url: `s3://${bucket}/${key}`, size, tag }
      token = page.next
    } while (token !== undefined)
  }

  return {
    async *list(url, signal) {
      const { bucket, key } = partsOf(url)
      if (key !== '' && !key.endsWith('/')) {
        const one = await stat(url, signal).catch((error: ArchipelError) => {
          if (error.code !== 'NOT_FOUND') throw error
          return undefined
        })
        if (one !== undefined) return yield one
      }
      yield* below(bucket, key === '' || key.endsWith('/') ? key : `${key}/`, signal)
    },
    stat,
    async *read(file, range, signal) {
      const { bucket, key } = partsOf(file.url)
      const headers = rangeHeaders(file, range.offset, range.length)
      const answer = await call(address(bucket, key, {}), { method: 'GET', headers, signal })
      yield* rangeBytes(answer, file, range, signal)
    },
    close: () => dispatcher.destroy(),
  }
}

function partsOf(url: string): { bucket: string; key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(url)!
  return { bucket: bucket!, key: key! }
}

/** RFC 3986, as signatures want it. */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

async function sign(
  url: string,
  method: string,
  headers: Record<string, string>,
  credentials: Credentials,
  region: string,
): Promise<{ url: string; headers: Record<string, string> }> {
  const signer = new AwsV4Signer({ method, url, headers, ...credentials, service: 's3', region })
  const signed = await signer.sign()
  return { url: signed.url.href, headers: Object.fromEntries(signed.headers) }
}

/** A page of `ListObjectsV2`. @throws UNREADABLE */
export function parseList(xml: string): { objects: { key: string; size: number; tag: string }[]; next?: string } {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw notAList()
  const isUrl = value(xml.replace(/<Contents>.*?<\/Contents>/gs, ''), 'EncodingType') === 'url'
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, inner]) => {
    const key = value(inner!, 'Key')
    const size = Number(value(inner!, 'Size'))
    const etag = value(inner!, 'ETag') ?? ''
    const changed = new Date(value(inner!, 'LastModified') ?? '')
    const known = /[^"]/.test(etag)
    if (key === undefined || !Number.isSafeInteger(size) || (!known && Number.isNaN(changed.getTime())))
      throw notAList()
    return {
      key: isUrl ? decodeURIComponent(key.replaceAll('+', ' ')) : key,
      size,
      tag: known ? quoted(etag) : changed.toUTCString(),
    }
  })
  const next = value(xml, 'NextContinuationToken')
  return { objects, ...(value(xml, 'IsTruncated') === 'true' && next !== undefined ? { next } : {}) }
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function value(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  return text?.replace(/&(#x[0-9a-f]+|#\d+|[a-z]+);/gi, (whole, word: string) => {
    if (word.startsWith('#x')) return String.fromCodePoint(Number.parseInt(word.slice(2), 16))
    if (word.startsWith('#')) return String.fromCodePoint(Number(word.slice(1)))
    return ENTITIES[word] ?? whole
  })
}

/** Some services leave the quotes of an ETag out in lists. */
const quoted = (etag: string) => (etag.startsWith('"') ? etag : `"${etag}"`)

function notAList(): ArchipelError {
  return new ArchipelError('UNREADABLE', 'the outside source does not answer with a list of objects', {
    hint: 'Check endpoint and style in outside.sources.',
  })
}
