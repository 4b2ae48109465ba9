/** Most that a list shows at once; who wants more reads it in pages. */
export const MAX_SHOWN = 100_000

interface Page {
  items: unknown[]
  next?: string | undefined
}

/** The first entries of a list that comes in pages, `most` of them, beside what its last page says; `next` where there are more. */
export async function firstOf<P extends Page>(
  ask: (page: { limit: number; cursor?: string }) => Promise<P>,
  { most, pageSize }: { most: number; pageSize: number },
): Promise<P> {
  const items: P['items'] = []
  let next: string | undefined
  for (;;) {
    const limit = Math.min(pageSize, most - items.length)
    const page = await ask(next === undefined ? { limit } : { limit, cursor: next })
    items.push(...page.items)
    next = page.items.length > 0 ? page.next : undefined
    if (next === undefined || items.length >= most) return { ...page, items, next }
  }
}
