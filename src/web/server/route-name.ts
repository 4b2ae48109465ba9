/** Which route a request was meant for, told from its target alone. */
import { FILE_ADDRESS, type RouteName, routeList, TASK_ADDRESS } from '../contract/routes.ts'

const patterns = [...routeList, TASK_ADDRESS, FILE_ADDRESS].map(({ name, method, path, ...route }) => ({
  name,
  method,
  pattern: new RegExp(
    `^${path
      .replaceAll('.', '\\.')
      .replace(/\{\w+\}$/, 'rest' in route ? '.+' : '[^/]+')
      .replace(/\{\w+\}/g, '[^/]+')}$`,
  ),
}))

/**
 * The name of the route of a path, for requests that are refused before they come to it: with a method that the path lacks
 * its first route. `undefined` where no route has this path.
 */
export function routeNameOf(method: string, path: string): RouteName | undefined {
  const there = patterns.filter(({ pattern }) => pattern.test(path))
  const asked = method === 'HEAD' ? 'GET' : method
  return (there.find((route) => route.method === asked) ?? there[0])?.name
}
