import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { eventually, requires, suite } from '../kit/index.ts'
import { accessibility, assertClean, needsChromium, signInLink, startBrowser, type Visit, visit } from './browser.ts'
import { type Three, threeIslands } from './islands.ts'

const test = suite('the page in a browser')
const LONG = { timeoutMs: 180_000 }

/** A picture of one point, a text that looks like HTML, a table; it waits between its words until it has been seen. */
const PROGRAM = `import archipel, base64, time
print("begun", flush=True)
time.sleep(2)
with open(archipel.output("dot.png"), "wb") as f:
    f.write(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
with open(archipel.output("notes.txt"), "w") as f:
    f.write("<b>all is well</b>")
archipel.result([{"what": "bright", "n": 42}])
print("ended")
`

let three: Three
let browser: Browser
/** One browser that stays signed in. */
let seen: Visit

test.before(async (t) => {
  await needsChromium()
  three = await threeIslands(t)
  browser = await startBrowser()
  t.cleanup(() => browser.close())
  seen = await visit(browser, three.fleet, three.university)
}, LONG)

/** Puts a text into the editor, as by hand: all of it replaced. */
async function write(page: Page, text: string): Promise<void> {
  const code = page.getByRole('textbox', { name: 'Code' })
  await code.click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(text)
}

async function ask(page: Page, statement: string): Promise<void> {
  await page.getByRole('link', { name: 'Editor', exact: true }).click()
  await write(page, statement)
  await page.keyboard.press('ControlOrMeta+Enter')
}

const outcome = (page: Page) => page.getByRole('region', { name: 'Task', exact: true }).getByRole('status')

test(
  'says how to sign in, signs in by the link of `archipel open`, and that link counts once',
  async (t) => {
    const stranger = await visit(browser, three.fleet, three.university)
    t.cleanup(() => stranger.context.close())
    await stranger.goTo('/datasets')
    await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await stranger.page.getByText('archipel open').waitFor()
    assert.is(await stranger.page.getByRole('navigation', { name: 'Rooms' }).count(), 0)
    assertClean(stranger)

    const link = await signInLink(three.fleet, three.university)
    await seen.page.goto(link)
    await seen.page.getByRole('heading', { name: 'Islands', exact: true }).waitFor()
    assert.not.match(seen.page.url(), 'sign-in')
    await seen.page.reload()
    await seen.page.getByRole('heading', { name: 'Islands', exact: true }).waitFor()
    assertClean(seen)

    await stranger.page.goto(link)
    await stranger.page.getByRole('alert').waitFor()
    assert.match((await stranger.page.getByRole('alert').textContent()) ?? '', 'UNAUTHENTICATED')
    const token = (await readFile(`${three.university.dataDir}/owner.token`, 'utf8')).trim()
    await stranger.page.getByLabel('Token').fill(token)
    await stranger.page.getByRole('button', { name: 'Sign in' }).click()
    await stranger.page.getByText('3 islands, 3 live').waitFor()
  },
  LONG,
)

test('shows each island on a graph and in a table, by keys too', async () => {
  const { page } = seen
  await seen.goTo('/islands')
  await page.getByText('3 islands, 3 live').waitFor()
  const graph = page.getByRole('radiogroup', { name: 'Islands' })
  assert.is(await graph.getByRole('radio').count(), 3)
  await graph.getByRole('radio', { name: /^observatory: live, connection direct; 1 dataset; engines embedded/ }).click()
  await page.getByRole('heading', { name: 'observatory' }).waitFor()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('heading', { name: 'institute' }).waitFor()
  await page.getByRole('row', { name: /^observatory live direct/ }).waitFor()
  assertClean(seen)
})

test(
  'shows the Livy endpoint of its island with what it runs, copies its address, and ends a session',
  async (t) => {
    const { page, context } = seen
    const { origin } = new URL(page.url())
    const token = (await readFile(`${three.university.dataDir}/owner.token`, 'utf8')).trim()
    const made = await fetch(`${origin}/livy/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ kind: 'sql', name: 'seen' }),
      signal: t.signal,
    })
    assert.is(made.status, 201)
    const { id } = (await made.json()) as { id: number }
    await seen.goTo('/islands')
    const panel = page.getByRole('region', { name: 'Livy', exact: true })
    await panel.getByText(`-u ${origin}/livy -t Basic_Access`).waitFor()
    const entry = panel.getByRole('row', { name: new RegExp(`^session ${id} ?seen .*owner university`) })
    await entry.waitFor()
    assert.equal(await accessibility(page), [])

    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin })
    await panel.getByRole('button', { name: 'Copy the address of Livy' }).click()
    await panel.getByText('Copied.').waitFor()
    assert.is(await page.evaluate(() => navigator.clipboard.readText()), `${origin}/livy`)

    const reader = await visit(browser, three.fleet, three.university)
    t.cleanup(() => reader.context.close())
    await reader.page.goto(await signInLink(three.fleet, three.university, 'read'))
    await reader.page.getByRole('row', { name: `session ${id}` }).waitFor()
    assert.is(await reader.page.getByRole('button', { name: `End session ${id}` }).count(), 0)

    await panel.getByRole('button', { name: `End session ${id}` }).click()
    await panel.getByText('No sessions and no batches.').waitFor()
    const gone = await fetch(`${origin}/livy/sessions/${id}`, { headers: { authorization: `Bearer ${token}` } })
    assert.is(gone.status, 404)
    assertClean(seen)
  },
  LONG,
)

test(
  'searches as one types, and shows a dataset with columns, rows, files and holders',
  async () => {
    const { page } = seen
    await page.getByRole('link', { name: 'Datasets', exact: true }).click()
    await page.getByText('2 datasets', { exact: true }).waitFor()
    await page.getByLabel('Search', { exact: true }).pressSequentially('galaxies')
    await page.getByText('1 dataset found').waitFor()
    assert.match(page.url(), 'text=galaxies')
    await page.getByLabel('Search', { exact: true }).fill('')
    await page.getByLabel('Cone: RA, Dec, radius (°)').fill('83.8, -5.4')
    await page.getByText('RA 0 to 360, Dec -90 to 90, radius above 0, in degrees').waitFor()
    await page.getByLabel('Cone: RA, Dec, radius (°)').fill('999,-100,-5')
    await page.getByText('Nothing was searched').waitFor()
    assert.is(await page.getByRole('link', { name: 'Yale Bright Star Catalogue, 5th edition' }).count(), 0)
    await page.getByLabel('Cone: RA, Dec, radius (°)').fill('')
    await page.getByLabel('Island').selectOption('observatory')
    await page.getByRole('link', { name: 'Yale Bright Star Catalogue, 5th edition' }).click()
    await page.getByRole('heading', { name: 'Yale Bright Star Catalogue, 5th edition' }).waitFor()
    await page.getByRole('row', { name: 'ra DOUBLE deg pos.eq.ra;meta.main' }).waitFor()
    await page.getByRole('row', { name: 'observatory available live this' }).waitFor()
    await page.getByText('Coverage: RA 0° to 360°').waitFor()
    await page.getByRole('region', { name: 'First rows' }).getByText('45.229167').waitFor()
    await page.getByRole('region', { name: 'Files' }).getByText('bright_stars.csv').waitFor()
    assertClean(seen)
  },
  LONG,
)

test(
  'asks data of another island, says where and why, sorts the rows, draws and saves them',
  async () => {
    const { page } = seen
    await page.getByRole('button', { name: 'Query this' }).click()
    await page.getByRole('heading', { name: 'Editor' }).waitFor()
    await page.getByRole('button', { name: 'Where would it run?' }).click()
    await page
      .getByRole('region', { name: 'Placement' })
      .getByRole('row', { name: /observatory ✓ chosen/ })
      .waitFor()
    await ask(page, 'SELECT name, constellation, vmag, temp_k FROM bright_stars WHERE name IS NOT NULL')
    await outcome(page)
      .getByText(/succeeded.* at observatory in .*because it holds the data/)
      .waitFor()
    await page.getByText(/^Why there/).click()
    await page.getByRole('row', { name: /university no .* does not hold/ }).waitFor()

    const rows = page.getByRole('region', { name: 'Rows of the result' })
    await rows.getByRole('button', { name: 'vmag' }).click()
    await rows.getByRole('row', { name: /^1 Sirius CMa -1.46/ }).waitFor()
    await rows.getByRole('button', { name: 'vmag' }).click()
    await rows.getByRole('columnheader', { name: 'vmag' }).and(page.locator('[aria-sort=descending]')).waitFor()

    await page.getByRole('tab', { name: 'Chart' }).click()
    await page.getByRole('img', { name: /^scatter of temp_k over vmag: vmag -1.46 to/ }).waitFor()
    await page.getByLabel('reversed X').check()
    await page.getByLabel('log Y').check()
    await page.getByRole('combobox', { name: 'Chart' }).selectOption('histogram')
    await page.getByRole('img', { name: /^histogram of rows over vmag/ }).waitFor()
    assert.is(await page.locator('.chart canvas').count(), 1)

    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'CSV' }).click()
    const text = await readFile(await (await saved).path(), 'utf8')
    assert.match(text, /^name,constellation,vmag,temp_k\r?\n/)
    assertClean(seen)
  },
  LONG,
)

test(
  'completes names, keeps what is written over a reload, and tells what is wrong with it',
  async () => {
    const { page } = seen
    await page.getByRole('link', { name: 'Editor', exact: true }).click()
    await write(page, 'SELECT  FROM bright_stars')
    await page.keyboard.press('Home')
    for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight')
    await page.keyboard.type('vm')
    await page.locator('.cm-tooltip').getByRole('option', { name: /^vmag/ }).click()
    await page.reload()
    await page.getByText('SELECT vmag FROM bright_stars').waitFor()
    // A refusal is a failed request in the browser's eyes: it has to be told, and is no fault of the page.
    seen.islandIsDown = true
    await ask(page, 'SELECT vmagg FROM no_such_data')
    await page.getByRole('alert').getByText('DATASET_NOT_FOUND').waitFor()
    assert.is(await page.getByRole('region', { name: 'Result' }).count(), 0, 'nothing of the question before')
    await page.getByText(/^The question before is task/).waitFor()
    seen.islandIsDown = false
    seen.faults.splice(0, seen.faults.length, ...seen.faults.filter((fault) => !fault.includes('status of 404')))
    assertClean(seen)
  },
  LONG,
)

test(
  'scrolls through a million rows and leaves their sorting to the island',
  async () => {
    const { page } = seen
    await ask(page, 'SELECT a.hr, b.hr AS other, a.vmag FROM bright_stars a, bright_stars b LIMIT 1000000')
    await outcome(page)
      .getByText(/1,000,000 rows/)
      .waitFor({ timeout: 90_000 })
    const rows = page.getByRole('region', { name: 'Rows of the result' })
    await rows.locator('tr[aria-rowindex="2"]').waitFor()
    await page.getByLabel('Go to row').fill('900000')
    await page.keyboard.press('Enter')
    await rows.locator('tr[aria-rowindex="900001"] td').nth(1).getByText(/^\d+$/).waitFor()
    assert.ok((await rows.locator('tr').count()) < 120, 'only the rows that are seen exist')
    await rows.press('End')
    await rows.locator('tr[aria-rowindex="1000001"]').waitFor()
    await rows.getByRole('button', { name: 'vmag' }).click()
    await page.getByText(/more than this page sorts by itself/).waitFor()
    assertClean(seen)
  },
  LONG,
)

test(
  'follows a long task, in the editor and in the list, and cancels it',
  async () => {
    const { page } = seen
    const long =
      'SELECT count(*) FROM bright_stars a, bright_stars b, bright_stars c WHERE separation(a.ra, b.dec, c.ra, a.dec) < 0.001'
    await ask(page, long)
    await outcome(page)
      .getByText(/running.*at observatory/)
      .waitFor()
    await page.getByRole('link', { name: 'Tasks', exact: true }).click()
    const line = page.getByRole('row', { name: /running sql bright_stars/ })
    await line.waitFor()
    await line.getByRole('button', { name: /^Cancel task/ }).click()
    await line.waitFor({ state: 'hidden' })
    await page.getByRole('row', { name: /cancelled sql bright_stars/ }).waitFor()
    await page.getByLabel('State').selectOption('cancelled')
    await eventually(async () => (await page.locator('tbody tr').count()) === 1)
    assertClean(seen)
  },
  LONG,
)

test(
  'runs a program: what it prints as it goes, images, texts and a table',
  async (t) => {
    await requires('python3', () => execFileSync('python3', ['--version']), 'install Python 3')
    const own = await visit(browser, three.fleet, three.observatory)
    t.cleanup(() => own.context.close())
    const { page } = own
    await own.signIn('/editor')
    await page.getByLabel('Language').selectOption('python')
    await page.getByLabel('Datasets').fill('bright_stars')
    await write(page, 'import archipel\narchipel.')
    await page.keyboard.press('Control+Space')
    for (const name of ['table', 'path', 'params', 'result', 'output'])
      await page
        .locator('.cm-tooltip')
        .getByRole('option', { name: new RegExp(`^${name}\\b`) })
        .first()
        .waitFor()
    await write(page, PROGRAM)
    await page.keyboard.press('ControlOrMeta+Enter')
    const log = page.getByRole('log')
    await log.getByText('begun').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).waitFor()
    await log.getByText('ended').waitFor()
    await page.getByRole('row', { name: '1 bright 42' }).waitFor()
    await page.getByRole('tab', { name: '2 items' }).click()
    const picture = page.getByRole('img', { name: 'dot.png, made by the task' })
    await picture.waitFor()
    assert.is(await picture.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)), 1)
    await page.getByRole('group', { name: 'notes.txt' }).getByText('<b>all is well</b>').waitFor()
    assertClean(own)
  },
  LONG,
)

test(
  'says who may only read that it runs nothing, and lets the rest be read',
  async (t) => {
    const reader = await visit(browser, three.fleet, three.university)
    t.cleanup(() => reader.context.close())
    const { page } = reader
    await page.goto(await signInLink(three.fleet, three.university, 'read'))
    await page.getByRole('link', { name: 'Editor', exact: true }).click()
    await page.getByText('This sign-in may read, not run.').waitFor()
    await write(page, 'SELECT 1')
    assert.ok(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled())
    await page.getByRole('link', { name: 'Datasets', exact: true }).click()
    await page.getByText('2 datasets', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assertClean(reader)
  },
  LONG,
)

test(
  'gives each task an address that stays',
  async () => {
    const { page } = seen
    await seen.goTo('/tasks')
    await page.getByLabel('State').selectOption('succeeded')
    const links = page.locator('tbody th a')
    await links.last().waitFor()
    await eventually(async () => (await page.locator('tbody .state-succeeded').count()) >= 2)
    await links.last().click()
    await page.getByRole('heading', { name: /^Task / }).waitFor()
    await page.reload()
    await outcome(page)
      .getByText(/succeeded/)
      .waitFor()
    await page.getByRole('group', { name: 'Code' }).waitFor()
    await page.getByRole('row', { name: /^1 observatory succeeded/ }).waitFor()
    assertClean(seen)
  },
  LONG,
)

test(
  'shows an island that is killed, and its return',
  async () => {
    const { page } = seen
    const { fleet, institute } = three
    await seen.goTo('/islands')
    const node = (state: string) => page.getByRole('radio', { name: new RegExp(`^institute: ${state}`) })
    await node('live').waitFor()
    await fleet.stop(institute, 'SIGKILL')
    await node('lost').waitFor({ timeout: 60_000 })
    await page.getByText('3 islands, 2 live').waitFor()
    await fleet.up(institute)
    await node('live').waitFor({ timeout: 60_000 })
    assertClean(seen)
  },
  LONG,
)

test(
  'says that the connection is lost, loses no text, and heals by itself when the island is back',
  async () => {
    const { page } = seen
    const { fleet, university } = three
    await page.getByRole('link', { name: 'Editor', exact: true }).click()
    await write(page, '-- written before')
    seen.islandIsDown = true
    await fleet.stop(university, 'SIGKILL')
    await page.getByText('Connection to the island lost').waitFor()
    await write(page, '-- written while it was away')
    await fleet.up(university)
    await page.getByText('Connected to university').waitFor({ timeout: 60_000 })
    seen.islandIsDown = false
    await page.getByText('-- written while it was away').waitFor()
    await page.getByRole('link', { name: 'Islands', exact: true }).click()
    await page.getByText('3 islands, 3 live').waitFor({ timeout: 60_000 })
    assertClean(seen)
  },
  LONG,
)

test.run()
