/** Parts of queries: numbers, lists and cones come as text. */
import { z } from 'zod'

/** JSON Schema of a query parameter as its user sees it, where the text form would say too little. */
export const parameterShape = new WeakMap<object, { schema: z.ZodType; text?: string }>()

/** A number in a query string. */
export function queryNumber(schema: z.ZodNumber) {
  const codec = z.codec(z.string().regex(/^-?\d{1,20}(\.\d{1,20})?$/, 'not a number'), schema, {
    decode: (text) => Number(text),
    encode: (number) => String(number),
  })
  parameterShape.set(codec, { schema })
  return codec
}

/** A parameter that may be repeated. One value arrives as text, several as a list. */
export function queryList(item: z.ZodString, max: number) {
  const list = z.array(item).max(max)
  const codec = z.codec(z.union([z.string(), z.array(z.string())]), list, {
    decode: (value) => (typeof value === 'string' ? [value] : value),
    encode: (value) => value,
  })
  parameterShape.set(codec, { schema: list })
  return codec
}

const coneText = z
  .string()
  .regex(
    /^-?\d+(\.\d+)?(e-?\d+)?,[-+]?\d+(\.\d+)?(e-?\d+)?,\d+(\.\d+)?(e-?\d+)?$/,
    'a cone is "ra,dec,radius" in degrees, e.g. 83.8,-5.4,1',
  )
const coneShape = z.object({
  ra: z.number().min(0).max(360),
  dec: z.number().min(-90).max(90),
  radius: z.number().gt(0).max(180),
})
export const cone = z.codec(coneText, coneShape, {
  decode: (text) => {
    const [ra, dec, radius] = text.split(',').map(Number)
    return { ra: ra!, dec: dec!, radius: radius! }
  },
  encode: ({ ra, dec, radius }) => `${ra},${dec},${radius}`,
})
parameterShape.set(cone, {
  schema: coneText,
  text: 'Datasets whose coverage meets this cone: ra,dec,radius in degrees, ICRS.',
})
