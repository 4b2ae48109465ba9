/** What stands in the way of a Livy, and what to do about it: for people to read. */
export class LivyFault extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(`${message}; ${hint}`)
    this.name = 'LivyFault'
    this.hint = hint
  }
}
