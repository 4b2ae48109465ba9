/** Keys of S3: from a file as Amazon's tools have it, or from the environment; never from a setting itself. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Endpoint, optionFile } from './endpoint.ts'

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

/** Undefined: anonymous. @throws CONFIG_INVALID */
export function credentialsOf(
  endpoint: Endpoint,
  env: Record<string, string | undefined> = process.env,
): Credentials | undefined {
  const where = endpoint.options.credentials
  if (where === undefined) return undefined
  if (where === 'env') return made((name) => env[name.toUpperCase()])
  const values = profile(optionFile(endpoint, 'credentials')!, endpoint.options.profile ?? 'default')
  return made((name) => values.get(name))
}

/** `[name]` and `key = value` lines; lines before the first name are of `default`. */
function profile(text: string, wanted: string): Map<string, string> {
  const values = new Map<string, string>()
  let current = 'default'
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const name = /^\[(?:profile\s+)?(.+)\]$/.exec(line)?.[1]
    if (name !== undefined) current = name.trim()
    const at = line.indexOf('=')
    if (name === undefined && current === wanted && at > 0)
      values.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim())
  }
  return values
}

function made(get: (name: string) => string | undefined): Credentials {
  const accessKeyId = get('aws_access_key_id')
  const secretAccessKey = get('aws_secret_access_key')
  const sessionToken = get('aws_session_token')
  if (!accessKeyId || !secretAccessKey)
    throw new ArchipelError('CONFIG_INVALID', 'outside.sources: the credentials have no key id and secret key', {
      hint: 'The file has lines aws_access_key_id = ... and aws_secret_access_key = ... below [default] or the profile; credentials=env takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    })
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}
