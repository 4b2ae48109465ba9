/** Types alone: the client has a function for every route of the table. */
import type { RouteName } from '../contract/routes.ts'

/** Routes whose name begins with the word are functions of that group: `taskShow` is `tasks.show`. */
interface Groups {
  task: 'tasks'
  token: 'tokens'
  session: 'sessions'
  statement: 'statements'
  actions: 'actions'
  main: 'mains'
  transfers: 'transfers'
  subscriptions: 'subscriptions'
  rules: 'rules'
  requests: 'requests'
  livy: 'livy'
}

type GroupOf<Name extends string> = {
  [Word in keyof Groups]: Name extends `${Word}${infer Rest}` ? (Rest extends Capitalize<Rest> ? Word : never) : never
}[keyof Groups]

type Call = (...args: never[]) => unknown

/** A missing function does not compile; more than the table has are allowed. */
export type CompleteClient = {
  [Name in RouteName as GroupOf<Name> extends never ? Name : never]: Call
} & {
  [Word in keyof Groups as Extract<RouteName, `${Word}${string}`> extends never ? never : Groups[Word]]: {
    [Name in Extract<RouteName, `${Word}${string}`> as Name extends `${Word}${infer Rest}`
      ? Uncapitalize<Rest>
      : never]: Call
  }
}
