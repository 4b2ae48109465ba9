import { ArchipelError } from '../../protocols/model/errors.ts'

/** An option that counts something. @throws BAD_INPUT that names the bounds */
export function wholeNumber(text: string, flag: string, most: number): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > most) throw new ArchipelError('BAD_INPUT', `${flag}: has to be a number from 1 to ${most}`)
  return number
}
