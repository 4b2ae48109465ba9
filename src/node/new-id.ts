import { randomBytes } from 'node:crypto'

/** An id that this island has given to nothing else: `<prefix>-`, letters and digits; later ones sort behind earlier ones. */
export const newId = (prefix: string): string => `${prefix}-${Date.now().toString(36)}${randomBytes(6).toString('hex')}`
