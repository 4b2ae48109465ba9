import { createHash } from 'node:crypto'

const LONGEST = 200

/**
 * The name under which an uploaded file goes to Livy: letters, digits, `.`, `_` and `-`, at most 200 of them. Livy writes a name with
 * `../` outside its folder, and decodes what is percent-encoded. Directories are cut off; a name that has to be another gets
 * some letters of its digest, so that two names never become one.
 */
export function plainName(given: string): string {
  const name = given.split(/[/\\]/).at(-1) ?? ''
  const plain = name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '')
  if (plain === name && name !== '' && name.length <= LONGEST) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12)
  const [, stem = '', end = ''] = /^(.*?)((?:\.[A-Za-z0-9]{1,10})?)$/.exec(plain)!
  return `${(stem || 'file').slice(0, LONGEST - 40)}-${digest}${end}`
}
