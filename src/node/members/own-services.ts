import type { Card } from '../../protocols/model/island.ts'
import type { Config } from '../config/schema.ts'

const LOOPBACK = /^(127\.|\[::1\]$|localhost$|.*\.localhost$)/i
const LIVY_PATH = '/livy'

/**
 * What of an island's web service others can call, for its card: the Livy endpoint under the first name of `web.hosts` that is not of
 * this machine alone. A name with the port that the island listens on itself is called without TLS; before any other there is a proxy with it.
 */
export function ownServices(web: Config['web']): Card['services'] {
  if (!web.enabled || !web.livy.enabled) return []
  const name = web.hosts.find((each) => !LOOPBACK.test(new URL(`http://${each}`).hostname))
  if (name === undefined) return []
  const direct = !LOOPBACK.test(web.host) && web.host !== '::1' && name.endsWith(`:${web.port}`)
  return [{ type: 'livy', url: `${direct ? 'http' : 'https'}://${name.toLowerCase()}${LIVY_PATH}` }]
}
