import parseSpdx from 'spdx-expression-parse'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** Of data, mostly: what a mistaken spelling may have meant. */
const COMMON = [
  'CC0-1.0',
  'CC-BY-4.0',
  'CC-BY-SA-4.0',
  'CC-BY-NC-4.0',
  'CC-BY-NC-SA-4.0',
  'CC-BY-3.0',
  'ODbL-1.0',
  'ODC-By-1.0',
  'PDDL-1.0',
  'etalab-2.0',
  'MIT',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'MPL-2.0',
  'GPL-2.0-or-later',
  'GPL-3.0-or-later',
  'LGPL-3.0-or-later',
]

const plain = (text: string) => text.toLowerCase().replace(/licen[cs]e|version|[^a-z0-9]/g, '')

/**
 * A licence as it may be published: an SPDX expression (SPDX 2.3, annex D) or an http(s) URL. Free words say nothing to a
 * program, and little to a lawyer.
 *
 * @returns it without space around. @throws BAD_INPUT
 */
export function checkedLicence(text: string): string {
  const licence = text.trim()
  if (isWebUrl(licence) || isSpdxExpression(licence)) return licence
  const meant = plain(licence)
  const likely = meant.length < 3 ? undefined : COMMON.find((id) => plain(id) === meant || plain(id).startsWith(meant))
  throw new ArchipelError(
    'BAD_INPUT',
    `licence: ${JSON.stringify(licence.slice(0, 80))} is neither an SPDX licence nor a URL`,
    {
      hint: `${likely === undefined ? '' : `Did you mean ${likely}? `}Give an SPDX id or expression, such as CC-BY-4.0 or "MIT OR Apache-2.0" (https://spdx.org/licenses/), or the http(s) URL of the licence.`,
    },
  )
}

function isSpdxExpression(text: string): boolean {
  try {
    parseSpdx(text)
    return true
  } catch {
    return false
  }
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(text) && !/\s/.test(text) && URL.canParse(text)
}
