/** The client library of this island, as who is signed in: by the cookie of the browser, or by a token. */
import { createClient, type IslandClient } from '../../client/index.ts'

let token: string | undefined
let present = createClient()

export function client(): IslandClient {
  return present
}

/** From now on calls are made with this token; without one, with the cookie. Calls of before are ended. */
export function useToken(next: string | undefined): void {
  void present.close()
  token = next
  present = createClient({ token })
}

/** With a cookie the browser can fetch by itself: links to files work. */
export function hasCookie(): boolean {
  return token === undefined
}
