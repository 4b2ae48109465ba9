/**
 * Text from elsewhere (names, titles, cells, messages) may hold escape sequences that move the cursor, retitle or
 * drive a terminal, and marks that reorder a line. None of it is printed.
 */

const ESC = String.fromCharCode(0x1b)
const BEL = String.fromCharCode(0x07)
/** A set of characters from pairs of code points. */
const set = (...ranges: [number, number][]) =>
  `[${ranges.map((pair) => pair.map((n) => `\\u{${n.toString(16)}}`).join('-')).join('')}]`

const C1_STRINGS = set([0x90, 0x90], [0x98, 0x98], [0x9d, 0x9f])
/** CSI sequences, strings (OSC, DCS, SOS, PM, APC) up to their end, and the short sequences (ECMA-48, 5.3 to 5.6). */
const ESCAPES = new RegExp(
  [
    `(?:${ESC}\\[|\\u{9b})[0-?]*[ -\\/]*[@-~]`,
    `(?:${ESC}[\\]PX\\^_]|${C1_STRINGS})[^${BEL}${ESC}\\u{9c}]*(?:${BEL}|${ESC}\\\\|\\u{9c})?`,
    `${ESC}[ -\\/]*[0-~]?`,
  ].join('|'),
  'gu',
)

/** Marks that are not seen but change what is: joiners, directions, tags, annotations. */
const INVISIBLE: [number, number][] = [
  [0x61c, 0x61c],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe007f],
]
/** All controls but the line feed. */
const CONTROLS = new RegExp(set([0, 9], [0xb, 0x1f], [0x7f, 0x9f], ...INVISIBLE), 'gu')
const UNSAFE_IN_JSON = new RegExp(set([0x7f, 0x9f], ...INVISIBLE), 'gu')

/** Of several lines: line feeds stay, tabs become spaces. */
export function cleanLines(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n')
    .replaceAll('\t', '  ')
    .replace(CONTROLS, '')
}

/** Of one line: any white space becomes one space. */
export function clean(text: string): string {
  return cleanLines(text).replace(/\s+/g, ' ')
}

/** JSON that is safe on a terminal: what JSON leaves as it is and a terminal may act on, is escaped. */
export function safeJson(value: unknown, indent?: number): string {
  const escaped = (text: string) =>
    [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
  return JSON.stringify(value, undefined, indent).replace(UNSAFE_IN_JSON, escaped)
}
