/**
 * Makes the pictures of the README anew: `npm run screenshots`. Islands of this machine with the sample catalogues, in
 * a real browser. The pictures are WebP, made by the browser itself.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import type { IslandClient } from '../../src/web/client/index.ts'
import { Fleet } from '../network/fleet.ts'
import { startBrowser, type Visit, visit } from './browser.ts'

const OUT = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const DATA = fileURLToPath(new URL('../../examples/data/', import.meta.url))
const MAX_BYTES = 150_000

const CATALOGUES = [
  {
    at: 'observatory',
    file: 'bright_stars.csv',
    words: [
      ...['--title', 'Yale Bright Star Catalogue, 5th edition', '--licence', 'MIT'],
      ...['--keyword', 'stars', '--keyword', 'photometry', '--creator', 'Dorrit Hoffleit'],
      ...['--creator', 'Wayne H. Warren Jr.'],
      ...['--description', 'All stars brighter than magnitude 6.5, with positions, magnitudes and temperatures.'],
    ],
  },
  {
    at: 'institute',
    file: 'openngc.csv',
    words: [
      ...['--title', 'OpenNGC: NGC and IC objects', '--licence', 'CC-BY-SA-4.0'],
      ...['--keyword', 'galaxies', '--keyword', 'nebulae', '--keyword', 'clusters', '--creator', 'Mattia Verga'],
      ...['--description', 'Positions, sizes and magnitudes of the objects of the New General and Index Catalogues.'],
    ],
  },
]

const QUESTION = `SELECT hr, name, constellation, ra, dec, vmag, temp_k
FROM bright_stars
WHERE vmag < 5.5 ORDER BY vmag
`

/** What is in the window, as WebP, small enough for a page that many read. */
async function picture(page: Page, name: string): Promise<void> {
  const png = (await page.screenshot()).toString('base64')
  for (const quality of [0.92, 0.8, 0.65]) {
    const encoded = await page.context().browser()!.newPage()
    const webp = await encoded.evaluate(
      async ({ png, quality }) => {
        const image = new Image()
        image.src = `data:image/png;base64,${png}`
        await image.decode()
        const canvas = document.createElement('canvas')
        canvas.width = image.width
        canvas.height = image.height
        canvas.getContext('2d')!.drawImage(image, 0, 0)
        return canvas.toDataURL('image/webp', quality).split(',')[1]!
      },
      { png, quality },
    )
    await encoded.close()
    const bytes = Buffer.from(webp, 'base64')
    if (bytes.byteLength > MAX_BYTES) continue
    await writeFile(join(OUT, `${name}.webp`), bytes)
    console.log(`docs/images/${name}.webp  ${bytes.byteLength} bytes`)
    return
  }
  throw new Error(`${name} does not fit into ${MAX_BYTES} bytes`)
}

async function take(seen: Visit, { tasks }: IslandClient): Promise<void> {
  const { page } = seen
  await page.getByText('5 islands, 5 live').waitFor()
  await page.getByRole('radio', { name: /^observatory/ }).click()
  await page.waitForTimeout(4000)
  await page.mouse.move(0, 0)
  await picture(page, 'islands')

  await seen.goTo('/datasets/bright_stars')
  await page.getByRole('group', { name: 'First rows' }).waitFor()
  await page.getByRole('group', { name: 'Files' }).waitFor()
  await picture(page, 'dataset')

  await seen.goTo('/editor')
  await page.getByRole('textbox', { name: 'Code' }).click()
  await page.keyboard.insertText(QUESTION)
  await page.keyboard.press('ControlOrMeta+Enter')
  await page.getByText('because it holds the data').waitFor()
  await page.getByRole('tab', { name: 'Chart' }).click()
  await page.getByRole('img', { name: /^scatter/ }).waitFor()
  await page.getByRole('combobox', { name: 'Y', exact: true }).selectOption('vmag')
  await page.getByRole('combobox', { name: 'X', exact: true }).selectOption('temp_k')
  await page.getByLabel('reversed X').check()
  await page.getByLabel('log X').check()
  await page.mouse.move(0, 0)
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
  await picture(page, 'editor')

  const types = 'SELECT "Type", count(*) AS n FROM openngc GROUP BY ALL ORDER BY n DESC'
  await tasks.run({ kind: 'sql', code: types, name: 'objects by type' })
  const program = "import archipel\narchipel.path('bright_stars')\n"
  await tasks
    .submit({ kind: 'python', code: program, datasets: ['bright_stars'], name: 'temperatures' })
    .catch(() => {})
  const orion = `SELECT "Name", "RA", "Dec", "V-Mag" FROM openngc WHERE "Const" = 'Ori'`
  await tasks.run({ kind: 'sql', code: orion, name: 'objects in Orion' })
  const long =
    'SELECT count(*) FROM bright_stars a, bright_stars b, bright_stars c WHERE separation(a.ra, b.dec, c.ra, a.dec) < 0.001'
  await tasks.submit({ kind: 'sql', code: long, name: 'triples of stars' })
  await seen.goTo('/tasks')
  await page.getByRole('row', { name: /running sql triples of stars/ }).waitFor()
  await page.waitForTimeout(1500)
  await picture(page, 'tasks')
}

const base = await mkdtemp(join(tmpdir(), 'archipel-screenshots-'))
const undo: (() => unknown)[] = []
try {
  await mkdir(OUT, { recursive: true })
  const fleet = await Fleet.create({
    signal: new AbortController().signal,
    cleanup: (fn) => void undo.push(fn),
    tmpdir: async () => base,
  })
  const university = await fleet.found('university', {}, 'sky-surveys')
  for (const name of ['observatory', 'institute', 'data-centre', 'telescope']) await fleet.join(name, university)
  for (const { at, file, words } of CATALOGUES) {
    const island = fleet.islands.find(({ name }) => name === at)!
    await fleet.run(island, ['publish', join(DATA, file), ...words])
  }
  await fleet.converged(fleet.islands, { datasets: CATALOGUES.length })
  const browser = await startBrowser()
  undo.push(() => browser.close())
  const seen = await visit(browser, fleet, university)
  await seen.signIn()
  await take(seen, university.client())
} finally {
  for (const fn of undo.reverse()) await fn()
  await rm(base, { recursive: true, force: true })
}
