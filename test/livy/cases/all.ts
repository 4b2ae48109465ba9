/** All cases, in an order in which they share sessions and batches. */
import type { Suite } from '../../kit/index.ts'
import type { At } from './at.ts'
import { framework } from './framework.ts'
import { heartbeatBegins, heartbeatEnds, lifetime } from './lifetime.ts'
import { outputs } from './outputs.ts'
import { paging } from './paging.ts'
import { requests } from './requests.ts'
import { routes } from './routes.ts'
import { states } from './states.ts'
import { table } from './table.ts'

export function allCases(test: Suite, at: () => At): void {
  heartbeatBegins(test, at)
  states(test, at)
  table(test, at, framework)
  requests(test, at)
  routes(test, at)
  outputs(test, at)
  paging(test, at)
  lifetime(test, at)
  heartbeatEnds(test, at)
}
