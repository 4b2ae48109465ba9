/** Files of HDFS over its REST (WebHDFS, HttpFS): the name node is asked, and sends to the node that has the bytes. */
import { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Endpoint, optionFile } from './endpoint.ts'
import { hostAndPath, nameOf, placeBelow } from './location.ts'
import type { Listed, OutsideSource } from './port.ts'
import { type Answer, agent, ask, bytesOf, discard, header, textOf } from './request.ts'
import { part, unchanged } from './unchanged.ts'

/** Where a name node answers when nothing else is said. */
const WEB_PORT = 9870
const ROOT = '/webhdfs/v1'

const fileStatus = z.object({
  type: z.string(),
  pathSuffix: z.string(),
  length: z.number().int().nonnegative(),
  modificationTime: z.number(),
  /** HttpFS does not say it. */
  fileId: z.number().optional(),
})
type FileStatus = z.infer<typeof fileStatus>
const one = z.object({ FileStatus: fileStatus })
const many = z.object({
  DirectoryListing: z.object({
    partialListing: z.object({ FileStatuses: z.object({ FileStatus: z.array(fileStatus) }) }),
    remainingEntries: z.number(),
  }),
})
const refusal = z.object({ RemoteException: z.object({ exception: z.string() }) })

/** @throws CONFIG_INVALID */
export function hdfsSource(endpoint: Endpoint): OutsideSource {
  const { user, web } = endpoint.options
  const hostName = hostAndPath(endpoint.prefix).host.replace(/:\d+$/, '')
  const nodes = web?.split(',').map((each) => each.replace(/\/$/, '')) ?? [`http://${hostName}:${WEB_PORT}`]
  const token = optionFile(endpoint, 'token')
  const who = { ...(token !== undefined ? { delegation: token } : user !== undefined && { 'user.name': user }) }
  const dispatcher = agent(optionFile(endpoint, 'ca'))
  let active = 0

  /** Of two name nodes one is at work: the other says so, or does not answer. */
  async function call(path: string, query: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await callNode(nodes[active]!, path, query, signal)
      } catch (error) {
        if (tries >= nodes.length || !(error instanceof ArchipelError) || error.code !== 'SOURCE_UNREACHABLE')
          throw error
        active = (active + 1) % nodes.length
      }
    }
  }

  async function callNode(node: string, path: string, query: Record<string, string>, signal: AbortSignal) {
    const url = `${node}${ROOT}${encoded(path)}?${new URLSearchParams({ ...query, ...who })}`
    const answer = await ask(dispatcher, url, { method: 'GET', also: [307, 403], signal })
    if (answer.statusCode !== 403) return answer
    const why = refusal.safeParse(parsed(await textOf(answer))).data?.RemoteException.exception
    if (why === 'StandbyException')
      throw new ArchipelError('SOURCE_UNREACHABLE', 'the name node of the outside source is not at work')
    throw new ArchipelError('SOURCE_REFUSED', 'the outside source refuses this island (403)')
  }

  async function json<T>(
    path: string,
    query: Record<string, string>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const answer = await call(path, query, signal)
    const { data } = schema.safeParse(parsed(await textOf(answer)))
    if (data === undefined) throw notHdfs()
    return data
  }

  async function status(path: string, signal: AbortSignal): Promise<FileStatus> {
    return (await json(path, { op: 'GETFILESTATUS' }, one, signal)).FileStatus
  }

  async function* below(url: string, within: string, signal: AbortSignal): AsyncGenerator<Listed> {
    let startAfter: string | undefined
    for (let left = 1; left > 0; ) {
      const query = { op: 'LISTSTATUS_BATCH', ...(startAfter === undefined ? {} : { startAfter }) }
      const { DirectoryListing: page } = await json(hostAndPath(url).path, query, many, signal)
      const entries = page.partialListing.FileStatuses.FileStatus
      for (const entry of entries) {
        const name = entry.pathSuffix
        if (name === '' || name.includes('/')) throw notHdfs()
        if (entry.type === 'DIRECTORY') yield* below(placeBelow(url, name), `${within}${name}/`, signal)
        else if (entry.type === 'FILE') yield listed(placeBelow(url, name), `${within}${name}`, entry)
      }
      startAfter = entries.at(-1)?.pathSuffix
      left = startAfter === undefined ? 0 : page.remainingEntries
    }
  }

  async function stat(url: string, signal: AbortSignal): Promise<Listed> {
    const entry = await status(hostAndPath(url).path, signal)
    if (entry.type !== 'FILE') throw new ArchipelError('NOT_FOUND', 'the outside source has no such file')
    return listed(url, nameOf(url), entry)
  }

  /** The other node is named by the name node: of its answer the host counts, and what it is to be told. */
  async function* bytes(url: string, offset: number, length: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { path } = hostAndPath(url)
    let answer = await call(path, { op: 'OPEN', offset: String(offset), length: String(length) }, signal)
    if (answer.statusCode === 307) {
      const location = header(answer, 'location') ?? ''
      await discard(answer)
      if (!URL.canParse(location) || !/^https?:$/.test(new URL(location).protocol)) throw notHdfs()
      const { origin, search } = new URL(location)
      answer = await ask(dispatcher, `${origin}${ROOT}${encoded(path)}${search}`, { method: 'GET', signal })
    }
    yield* bytesOf(answer, signal)
  }

  return {
    async *list(url, signal) {
      const entry = await status(hostAndPath(url).path, signal)
      if (entry.type === 'FILE') yield listed(url, nameOf(url), entry)
      else yield* below(url, '', signal)
    },
    stat,
    read: (file, { offset, length }, signal) =>
      unchanged(file, stat, () => part(bytes(file.url, offset, length, signal), { length }), signal),
    close: () => dispatcher.destroy(),
  }
}

/** A file that is written anew has another id. */
const listed = (url: string, path: string, { length, modificationTime, fileId }: FileStatus): Listed => ({
  path,
  url,
  size: length,
  tag: [modificationTime, fileId].filter((word) => word !== undefined).join('-'),
})

const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/')

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notHdfs()
  }
}

function notHdfs(): ArchipelError {
  return new ArchipelError('UNREADABLE', 'the outside source does not answer as WebHDFS does', {
    hint: 'Check the option web in outside.sources: it is the address of the REST service of the name node.',
  })
}
