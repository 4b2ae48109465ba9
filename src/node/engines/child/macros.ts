/**
 * SQL run in every session before its configuration is locked: `CREATE MACRO name(args) AS ...`.
 * A macro's name has to be in `ALLOWED_FUNCTIONS` too, or no statement may call it.
 */
export const MACROS: string[] = []
