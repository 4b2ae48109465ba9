/** What a token may be called, and how long one may be good for. */
export const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
export const TOKEN_NAME_RULE = 'A name has 1 to 64 letters, digits, ".", "_" and "-", the first a letter or digit.'
/** Milliseconds; ten years. */
export const MAX_TOKEN_MS = 10 * 366 * 86_400_000
