/** The outside sources that the operator names: nothing else is ever asked. */
import { readFileSync } from 'node:fs'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { isBelow, type Kind, kindOf, normalised } from './location.ts'

/** One entry of `outside.sources`. */
export interface Endpoint {
  kind: Kind
  /** Everything below it may be read; ends with `/`, or is one file. */
  prefix: string
  options: Record<string, string>
}

const OPTIONS: Record<Kind, readonly string[]> = {
  http: ['token', 'ca'],
  s3: ['endpoint', 'region', 'style', 'credentials', 'profile', 'ca'],
  hdfs: ['web', 'user', 'token', 'ca'],
  root: ['token', 'proxy', 'keytab', 'program'],
  rclone: ['config', 'program'],
}
const EXAMPLES = '"https://data.example.org/survey/" or "s3://survey/dr1/ endpoint=https://s3.example.org region=eu"'

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
    const kind = kindOf(prefix)!
    const known = OPTIONS[kind]
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
  const { endpoint, style, web, program } = options
  const isService = (text: string) => URL.canParse(text) && /^https?:\/\/[^/?#@]+\/?$/.test(text)
  if (endpoint !== undefined && !isService(endpoint)) throw fault('the endpoint is like https://s3.example.org')
  if (web !== undefined && !web.split(',').every(isService))
    throw fault('web is like https://namenode.example.org:9871')
  if (program !== undefined && !program.startsWith('/')) throw fault('the program is given by its whole path')
  if (style !== undefined && style !== 'path' && style !== 'host') throw fault('style is path or host')
}

/** Of several that have it, the longest. */
export function endpointOf<E extends Pick<Endpoint, 'prefix'>>(endpoints: readonly E[], url: string): E | undefined {
  return endpoints.filter(({ prefix }) => isBelow(url, prefix)).sort((a, b) => b.prefix.length - a.prefix.length)[0]
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
