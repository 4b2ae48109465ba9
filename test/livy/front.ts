/** What stands before a Livy at a site: TLS with an authority of its own, and a look at who asks. */
import { request as forward } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { ownAuthority, type Pem } from '../kit/certificates.ts'
import type { TestContext } from '../kit/index.ts'

export interface Front {
  url: string
  port: number
  /** What has to be believed to speak to it. */
  authority: Pem
  /** How many were let through, and how many not. */
  readonly passed: number
  readonly refused: number
}

/** Lets through who has this user and password, or this value in the header `X-Gate`; everybody else gets a page that says nothing. */
export async function tlsFront(
  t: TestContext,
  livyUrl: string,
  who: { user: string; password: string; token: string },
): Promise<Front> {
  const { authority, server: pem } = await ownAuthority(t)
  const basic = `Basic ${Buffer.from(`${who.user}:${who.password}`).toString('base64')}`
  const front = { url: '', port: 0, authority, passed: 0, refused: 0 }
  const server = createServer({ key: pem.key, cert: pem.cert }, (incoming, outgoing) => {
    const { method, url, headers } = incoming
    if (headers.authorization !== basic && headers['x-gate'] !== who.token) {
      front.refused++
      outgoing.writeHead(401, { 'www-authenticate': 'Basic', 'content-type': 'text/html' }).end('<html>no</html>')
      return
    }
    front.passed++
    const { authorization: _shown, ...passed } = headers
    const onward = forward(livyUrl + url, { method, headers: { ...passed, host: '' } }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    })
    onward.once('error', () => outgoing.writeHead(502).end())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => server.close())
  t.cleanup(() => server.closeAllConnections())
  front.port = (server.address() as AddressInfo).port
  front.url = `https://127.0.0.1:${front.port}`
  return front
}
