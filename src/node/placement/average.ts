/** An exponentially weighted average of measurements that come at irregular times. */
export interface Average {
  value: number
  /** Milliseconds since 1970 of the newest measurement. */
  at: number
  samples: number
}

export interface AverageRule {
  /** Share of a new measurement, 0..1, when the average is fresh. */
  weight: number
  /** Milliseconds after which what is known counts half. */
  halfLifeMs: number
  /** Averages the logarithms: for what spreads over orders of magnitude, where a fall has to count like a rise. */
  geometric?: boolean
}

/** The average with one measurement more. `sample` has to be finite and, for a geometric one, above 0. */
export function fold(before: Average | undefined, sample: number, at: number, rule: AverageRule): Average {
  if (before === undefined) return { value: sample, at, samples: 1 }
  const age = Math.max(0, at - before.at)
  const old = (1 - rule.weight) * 0.5 ** (age / rule.halfLifeMs)
  const mix = (a: number, b: number) => a * old + b * (1 - old)
  const value =
    rule.geometric === true && before.value > 0
      ? Math.exp(mix(Math.log(before.value), Math.log(sample)))
      : mix(before.value, sample)
  return { value, at: Math.max(at, before.at), samples: before.samples + 1 }
}
