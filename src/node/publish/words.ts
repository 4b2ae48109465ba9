/** Controls but tab and line feed, and marks that change the direction of what follows (UAX #9): nobody sees or types them. */
const UNSEEN = /(?![\t\n])\p{Cc}|[\u200b\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** Words of several lines as they are published: what is shown of them is what a search finds. */
export function lines(text: string): string {
  return text
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n')
    .replace(UNSEEN, '')
    .trim()
}

/** Words of one line: any white space is one space. */
export function oneLine(text: string): string {
  return lines(text).replace(/\s+/g, ' ')
}
