import type { Browser } from 'playwright-core'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { accessibility, assertClean, needsChromium, overflow, startBrowser, type Visit, visit } from './browser.ts'
import { type Three, threeIslands } from './islands.ts'

const test = suite('the page for everybody')
const LONG = { timeoutMs: 180_000 }

let three: Three
let browser: Browser
let task = ''

test.before(async (t) => {
  await needsChromium()
  three = await threeIslands(t)
  browser = await startBrowser()
  t.cleanup(() => browser.close())
  const { university } = three
  const done = await university.client().sql({ sql: 'SELECT name, ra, dec, vmag FROM bright_stars WHERE vmag < 3' })
  task = done.id
}, LONG)

/** Each room with what can be seen there, once it is there. */
async function rooms({ page, goTo }: Visit): Promise<[string, () => Promise<void>][]> {
  const seen = async (path: string, text: string | RegExp) => {
    await goTo(path)
    await page.getByText(text).first().waitFor()
  }
  return [
    ['islands', () => seen('/islands', '3 islands, 3 live')],
    ['datasets', () => seen('/datasets', '2 datasets')],
    [
      'a dataset',
      async () => {
        await seen('/datasets/bright_stars', 'pos.eq.ra;meta.main')
        await page.getByRole('region', { name: 'First rows' }).waitFor()
        await page.getByRole('region', { name: 'Files' }).waitFor()
      },
    ],
    [
      'the editor',
      async () => {
        await page.evaluate((id) => localStorage.setItem('archipel.task', JSON.stringify(id)), task)
        await seen('/editor', 'because it holds the data')
        await page.getByRole('row', { name: /^1 / }).waitFor()
      },
    ],
    [
      'a chart',
      async () => {
        await page.getByRole('tab', { name: 'Chart' }).click()
        await page.getByRole('img', { name: /^scatter of dec/ }).waitFor()
      },
    ],
    ['tasks', () => seen('/tasks', 'bright_stars')],
    ['a task', () => seen(`/tasks/${task}`, 'because it holds the data')],
  ]
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `has no serious violation of WCAG 2.1 A and AA in any room (${colorScheme})`,
    async (t) => {
      const seen = await visit(browser, three.fleet, three.university, { colorScheme })
      t.cleanup(() => seen.context.close())
      await seen.goTo('/')
      await seen.page.getByRole('heading', { name: 'Sign in' }).waitFor()
      assert.equal(await accessibility(seen.page), [], 'sign-in')
      await seen.signIn()
      for (const [name, enter] of await rooms(seen)) {
        await enter()
        assert.equal(await accessibility(seen.page), [], name)
      }
      assertClean(seen)
    },
    LONG,
  )
}

test(
  'fits a phone of 360 pixels',
  async (t) => {
    const seen = await visit(browser, three.fleet, three.university, { width: 360, height: 720 })
    t.cleanup(() => seen.context.close())
    await seen.goTo('/')
    await seen.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.is(await overflow(seen.page), 0, 'sign-in')
    await seen.signIn()
    await seen.page.getByText('3 islands, 3 live').waitFor()
    assert.is(await seen.page.getByRole('radio').count(), 3, 'each island is drawn')
    for (const island of await seen.page.getByRole('radio').all())
      assert.ok(await island.isVisible(), 'an island is drawn')
    for (const [name, enter] of await rooms(seen)) {
      await enter()
      assert.is(await overflow(seen.page), 0, name)
    }
    assertClean(seen)
  },
  LONG,
)

test(
  'is used by keys alone: skip link, rooms, editor, result',
  async (t) => {
    const seen = await visit(browser, three.fleet, three.university)
    t.cleanup(() => seen.context.close())
    const { page } = seen
    await seen.signIn('/editor')
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    await page.keyboard.press('Tab')
    assert.match(await focused(), 'Skip to the content')
    await page.keyboard.press('Enter')
    assert.is(await page.evaluate(() => document.activeElement?.id), 'content')
    await page.getByRole('textbox', { name: 'Code' }).focus()
    await page.keyboard.type('SELECT count(*) AS n FROM bright_stars')
    await page.keyboard.press('Escape')
    await page.keyboard.press('ControlOrMeta+Enter')
    await page.getByRole('row', { name: '1 9096' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    assert.not.match(
      await page.evaluate(() => document.activeElement?.className ?? ''),
      'cm-content',
      'Tab leaves the editor',
    )
    await page.getByRole('tab', { name: 'Table' }).focus()
    await page.keyboard.press('ArrowRight')
    assert.is(await focused(), 'Chart')
    await page.getByRole('link', { name: 'Datasets', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('2 datasets', { exact: true }).waitFor()
    assert.is(await focused(), 'Datasets')
    assert.is(await page.title(), 'Datasets · archipel')
    assertClean(seen)
  },
  LONG,
)

test(
  'follows the choice of light and dark, and keeps it',
  async (t) => {
    const seen = await visit(browser, three.fleet, three.university, { colorScheme: 'light' })
    t.cleanup(() => seen.context.close())
    await seen.signIn()
    const ground = () => seen.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await seen.page.getByLabel('Colours').selectOption('dark')
    const dark = await ground()
    assert.is.not(dark, light)
    await seen.page.reload()
    await seen.page.getByText('3 islands, 3 live').waitFor()
    assert.is(await ground(), dark)
    await seen.page.getByLabel('Colours').selectOption('auto')
    assert.is(await ground(), light)
    assertClean(seen)
  },
  LONG,
)

test.run()
