import type { Coverage } from '../../../../protocols/model/dataset.ts'
import { degrees } from '../../text/words.ts'

type Box = NonNullable<Coverage['spatial']>['box']

const WIDTH = 360
const HEIGHT = 180

/** The box of the coverage on the whole sky: right ascension grows to the left, as seen from inside. */
export function SkyCoverage({ box }: { box: Box }) {
  const { raMin, raMax, decMin, decMax } = box
  const words = `RA ${degrees(raMin)}° to ${degrees(raMax)}°, Dec ${degrees(decMin)}° to ${degrees(decMax)}°, ICRS`
  // A box over RA 0 is two on the map.
  const parts =
    raMin <= raMax
      ? [[raMin, raMax]]
      : [
          [raMin, 360],
          [0, raMax],
        ]
  return (
    <figure class="sky">
      <svg viewBox={`-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`} aria-hidden="true">
        <rect class="sky-frame" width={WIDTH} height={HEIGHT} />
        {[60, 120, 180, 240, 300].map((x) => (
          <path key={x} class="sky-line" d={`M${x} 0V${HEIGHT}`} />
        ))}
        {[30, 60, 90, 120, 150].map((y) => (
          <path key={y} class="sky-line" d={`M0 ${y}H${WIDTH}`} />
        ))}
        {parts.map(([from, to]) => (
          <rect
            key={from}
            class="sky-box"
            x={WIDTH - to!}
            y={90 - decMax}
            width={Math.max(2, to! - from!)}
            height={Math.max(2, decMax - decMin)}
          />
        ))}
      </svg>
      <figcaption>Coverage: {words}</figcaption>
    </figure>
  )
}
