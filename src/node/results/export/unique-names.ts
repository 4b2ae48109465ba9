/** Names that are there once each: the second `a` becomes `a_1`, as DuckDB does; an empty one, `column`. */
export function uniqueNames(given: string[]): string[] {
  const names = given.map((name) => (name === '' ? 'column' : name))
  const taken = new Set(names)
  const seen = new Set<string>()
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name)
      return name
    }
    let n = 1
    while (taken.has(`${name}_${n}`)) n++
    taken.add(`${name}_${n}`)
    return `${name}_${n}`
  })
}
