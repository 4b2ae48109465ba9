/** How a place in an outside source is written: one spelling each, without anything secret. */
import { ArchipelError } from '../../protocols/model/errors.ts'

export type Kind = 'http' | 's3' | 'hdfs' | 'root' | 'rclone'

const KINDS: Record<string, Kind> = {
  http: 'http',
  https: 'http',
  s3: 's3',
  hdfs: 'hdfs',
  root: 'root',
  rclone: 'rclone',
}

/** Undefined for what is no outside source. */
export const kindOf = (text: string): Kind | undefined => KINDS[/^([a-z0-9]+):/i.exec(text)?.[1]?.toLowerCase() ?? '']

/** Whether a text names a place in an outside source, and not a path of this machine. */
export const isOutside = (text: string) => kindOf(text) !== undefined

/**
 * Whether a place is another one, or below it: with a `/` between them, or below `rclone:remote:`. With some remotes that is
 * the folder of a user, and `rclone:remote:/` is all of the machine: the one does not contain the other.
 */
export function isBelow(url: string, prefix: string): boolean {
  if (url === prefix) return true
  if (prefix.startsWith('rclone:') && prefix.endsWith(':')) return url.startsWith(prefix) && url[prefix.length] !== '/'
  return url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}

/** The place of what is called `name` below another one. */
export const placeBelow = (url: string, name: string) => (/[/:]$/.test(url) ? url + name : `${url}/${name}`)

/** The last part of a place: the name of a file. */
export const nameOf = (url: string) => url.split(/[/:]/).at(-1)!

/** The parts of an `hdfs:` or `root:` place. */
export function hostAndPath(url: string): { host: string; path: string } {
  const [, host, path] = /^[a-z]+:\/\/([^/]+)\/?(\/.*)$/s.exec(url)!
  return { host: host!, path: path! }
}

/**
 * The one spelling of a location. A query, a fragment or a user is refused: secrets belong into the configuration.
 * @throws BAD_INPUT
 */
export function normalised(text: string): string {
  const place = text.trim()
  const kind = kindOf(place)
  if (kind === undefined)
    throw new ArchipelError('BAD_INPUT', 'that is no outside source which this island can read', {
      hint: 'Sources are http(s)://host/path, s3://bucket/prefix, hdfs://namenode/path, root://host//path and rclone:remote:path; a local file is given by its path.',
    })
  if (hasControl(place))
    throw new ArchipelError('BAD_INPUT', 'the place of an outside source has no control characters')
  if (kind === 'rclone') return remotePlace(place)
  const url = URL.canParse(place) ? new URL(place) : undefined
  if (url === undefined) throw new ArchipelError('BAD_INPUT', 'that is not the place of an outside source')
  if (url.username !== '' || url.password !== '' || /[?#]/.test(place))
    throw new ArchipelError('BAD_INPUT', 'the place of an outside source has no user, password, query or fragment', {
      hint: 'Write what a service wants to know of you into outside.sources of the configuration.',
    })
  if (kind === 'http') {
    if (hidesDots(url)) throw withDots()
    return url.href
  }
  return kind === 's3' ? object(place) : hostPlace(kind, place)
}

/** A place that everybody may be told. @throws BAD_INPUT */
export function publicPlace(text: string): string {
  const place = normalised(text)
  if (!/^(https?|s3):/.test(place))
    throw new ArchipelError('BAD_INPUT', 'an origin is a public place: http(s)://host/path or s3://bucket/prefix')
  return place
}

/** A key of S3 is taken as it is written: it is no path, and % in it stands for itself. */
function object(place: string): string {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(place) ?? []
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new ArchipelError('BAD_INPUT', 'that is not the name of an S3 bucket')
  refuseDots(key)
  return `s3://${bucket}/${key}`
}

/** Paths of HDFS and XRootD are taken as they are written, too; those of XRootD begin with two `/`. */
function hostPlace(kind: 'hdfs' | 'root', place: string): string {
  const [, host = '', path = ''] = /^[a-z]+:\/\/([^/]*)(.*)$/is.exec(place) ?? []
  if (!/^([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?$/i.test(host))
    throw new ArchipelError('BAD_INPUT', `that is not the host of a place of ${kind}:`)
  refuseDots(path)
  return `${kind}://${host.toLowerCase()}${kind === 'root' ? '/' : ''}${`/${path}`.replace(/\/+/g, '/')}`
}

/** A remote by its name in the site's configuration: none that is made up on the way, `:sftp,host=...:`, `name,opt=...:`. */
function remotePlace(place: string): string {
  const [, remote, path = ''] = /^rclone:(\w[\w.+@-]*):(.*)$/is.exec(place) ?? []
  if (remote === undefined)
    throw new ArchipelError('BAD_INPUT', 'a place of rclone is rclone:remote:path, with the name of a remote')
  refuseDots(path)
  return `rclone:${remote}:${path}`
}

function refuseDots(path: string): void {
  if (path.split('/').some((part) => part === '.' || part === '..')) throw withDots()
}

const withDots = () => new ArchipelError('BAD_INPUT', 'a place with . or .. as a part cannot be read')

/** `/open/..%2Finner`: below `/open/` for who compares places, and not for a server that decodes before it looks. */
export function hidesDots({ pathname }: URL): boolean {
  const decoded = pathname.replace(/%(2e|2f|5c)/gi, (code) => decodeURIComponent(code))
  return decoded.split(/[/\\]/).some((part) => part === '.' || part === '..')
}

const hasControl = (text: string) => [...text].some((c) => c < ' ' || c === '\x7f')
