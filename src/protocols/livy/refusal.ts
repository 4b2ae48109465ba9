/**
 * An answer of Livy that is no success, to be passed on as it is: the status, and what stands in its body. Text is sent as a
 * bare JSON string, an object as that object, undefined as an empty body.
 */
export class LivyRefusal extends Error {
  readonly status: number
  readonly body: string | { msg: string } | undefined

  constructor(status: number, body?: string | { msg: string }) {
    super(body === undefined ? `Livy answered ${status}` : typeof body === 'string' ? body : body.msg)
    this.name = 'LivyRefusal'
    this.status = status
    this.body = body
  }
}

/** 404 in the words that clients look for; batches are sessions here, too. */
export const notFound = (id: number | string) => new LivyRefusal(404, { msg: `Session '${id}' not found.` })
