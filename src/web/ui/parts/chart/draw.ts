/** Drawing by uPlot, in the colours of the page. */
import uPlot from 'uplot'
import { type ChartChoice, type Drawn, isTime } from './series.ts'

export interface ChartWords {
  x: string
  y: string
}

const HEIGHT = 350

/** A colour as a canvas understands it, of a variable of the page. */
function colour(box: Element, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  box.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** Draws into `box`. @returns the function that removes it */
export function draw(
  box: HTMLElement,
  drawn: Drawn,
  choice: ChartChoice,
  words: ChartWords,
  types: string[],
): () => void {
  const ink = colour(box, '--dim')
  const line = colour(box, '--line')
  const mark = colour(box, '--accent')
  const isHistogram = choice.kind === 'histogram'
  const axis = (label: string): uPlot.Axis => ({
    label,
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    labelSize: 26,
  })
  const logged = (log: boolean): Partial<uPlot.Scale> => (log ? { distr: 3, log: 10 } : {})
  const series: uPlot.Series = {
    label: words.y,
    stroke: mark,
    width: isHistogram ? 1 : 1.5,
    fill: isHistogram ? mark : undefined,
    points: { show: choice.kind === 'scatter', size: drawn.xs.length > 5000 ? 3 : 5, fill: mark, width: 0 },
    paths: isHistogram
      ? uPlot.paths.bars!({ size: [0.98, Number.POSITIVE_INFINITY] })
      : choice.kind === 'scatter'
        ? () => null
        : uPlot.paths.linear!(),
  }
  const chart = new uPlot(
    {
      width: Math.max(280, box.clientWidth),
      height: HEIGHT,
      scales: {
        x: { time: isTime(types[choice.x]!), dir: choice.reverseX ? -1 : 1, ...logged(choice.logX && !isHistogram) },
        y: {
          dir: choice.reverseY && !isHistogram ? -1 : 1,
          ...(isHistogram ? { range: (_, __, max) => [0, max * 1.05] } : logged(choice.logY)),
        },
      },
      axes: [axis(words.x), { ...axis(words.y), size: 64 }],
      series: [{ label: words.x }, series],
      cursor: { drag: { x: true, y: true }, focus: { prox: 20 } },
    },
    [drawn.xs, drawn.ys],
    box,
  )
  const observer = new ResizeObserver(() => {
    const width = Math.max(280, box.clientWidth)
    if (width !== chart.width) chart.setSize({ width, height: HEIGHT })
  })
  observer.observe(box)
  return () => {
    observer.disconnect()
    chart.destroy()
  }
}
