/** The outside sources that the operator names: nothing else is ever asked. */
import { readFileSync } from 'node:fs'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** One entry of `outside.sources`. */
export interface Endpoint {
  kind: 'http' | 's3'
  /** Everything below it may be read; ends with `/`, or is one file. */
  prefix: string
  options: Record<string, string>
}

const KINDS: Record<string, { kind: Endpoint['kind']; options: readonly string[] }> = {
  'http:': { kind: 'http', options: ['token', 'ca'] },
  'https:': { kind: 'http', options: ['token', 'ca'] },
  's3:': { kind: 's3', options: ['endpoint', 'region', 'style', 'credentials', 'profile', 'ca'] },
}
const EXAMPLES = '"https://data.example.org/survey/" or "s3://survey/dr1/ endpoint=https://s3.example.org region=eu"'

/** Whether a text names a place in an outside source, and not a path of this machine. */
export const isOutside = (text: string) => /^(https?|s3|hdfs|root|rclone):/i.test(text)

/**
 * The one spelling of a location. A query, a fragment or a user is refused: secrets belong into the configuration.
 * @throws BAD_INPUT
 */
export function normalised(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kind = url === undefined ? undefined : KINDS[url.protocol]
  if (url === undefined || kind === undefined)
    throw new ArchipelError('BAD_INPUT', 'that is no outside source which this island can read', {
      hint: 'Sources are http(s)://host/path and s3://bucket/prefix; a local file is given by its path.',
    })
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text))
    throw new ArchipelError('BAD_INPUT', 'the place of an outside source has no user, password, query or fragment', {
      hint: 'Write what a service wants to know of you into outside.sources of the configuration.',
    })
  if (kind.kind === 'http') return url.href
  // A key of S3 is taken as it is written: it is no path, and % in it stands for itself.
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(text.trim()) ?? []
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new ArchipelError('BAD_INPUT', 'that is not the name of an S3 bucket')
  if (key.split('/').some((part) => part === '.' || part === '..'))
    throw new ArchipelError('BAD_INPUT', 'a key of S3 with . or .. as a part cannot be read')
  return `s3://${bucket}/${key}`
}

/** @throws CONFIG_INVALID */
export function parseEndpoints(lines: readonly string[]): Endpoint[] {
  return lines.map((line, index) => {
    const fault = (what: string) =>
      new ArchipelError('CONFIG_INVALID', `outside.sources, entry ${index + 1}: ${what}`, {
        hint: `Write it like ${EXAMPLES}.`,
      })
    const [place = '', ...rest] = line.trim().split(/\s+/)
    let prefix: string
    try {
      prefix = normalised(place)
    } catch (cause) {
      throw fault(`not a place: ${(cause as Error).message}`)
    }
    const { kind, options: known } = KINDS[new URL(prefix).protocol]!
    const options: Record<string, string> = {}
    for (const item of rest) {
      const at = item.indexOf('=')
      const name = item.slice(0, Math.max(0, at))
      if (!known.includes(name)) throw fault(`its options are ${known.join(', ')}`)
      options[name] = item.slice(at + 1)
    }
    checkOptions(options, fault)
    return { kind, prefix, options }
  })
}

function checkOptions(options: Record<string, string>, fault: (what: string) => ArchipelError): void {
  const { endpoint, style } = options
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:\/\/[^/?#@]+\/?$/.test(endpoint)))
    throw fault('the endpoint is like https://s3.example.org')
  if (style !== undefined && style !== 'path' && style !== 'host') throw fault('style is path or host')
}

/** Of several that have it, the longest. A location is below a prefix where a `/` is between them. */
export function endpointOf<E extends Pick<Endpoint, 'prefix'>>(endpoints: readonly E[], url: string): E | undefined {
  return endpoints
    .filter(({ prefix }) => url === prefix || url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0]
}

/** The text of a file that an option names. @throws CONFIG_INVALID without the file's place */
export function optionFile(endpoint: Endpoint, option: string): string | undefined {
  const path = endpoint.options[option]
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new ArchipelError('CONFIG_INVALID', `outside.sources: the file of the option ${option} cannot be read`, {
      cause,
    })
  }
}
