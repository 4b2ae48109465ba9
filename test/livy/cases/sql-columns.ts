/** LIVY B3: columns of every type in SQL: the statement for Spark, the same for the built-in engine, and what both say. */
export interface ColumnCase {
  title: string
  spark: string
  builtIn: string
  types: unknown[]
  /** Of the one row; numbers as they are read. */
  cells: unknown[]
}

const field = (name: string, type: unknown) => ({ name, type, metadata: {} })
const inner = (name: string, dataType: unknown = {}) => ({ name, dataType, metadata: { map: {} } })

export const COLUMNS: ColumnCase[] = [
  {
    title: 'maps are objects, their keys text',
    spark:
      "SELECT map('a', 1, 'b', CAST(NULL AS INT)), map(1, 'x'), map('a', array(1, 2)), map('n', DOUBLE('NaN')), map('k', DATE'2020-01-02'), map('b', X'01'), CAST(NULL AS MAP<STRING, INT>)",
    builtIn:
      "SELECT MAP {'a': 1, 'b': NULL}, MAP {1: 'x'}, MAP {'a': [1, 2]}, MAP {'n': 'NaN'::DOUBLE}, MAP {'k': DATE '2020-01-02'}, MAP {'b': '\\x01'::BLOB}, NULL::MAP(VARCHAR, INTEGER)",
    types: [
      { type: 'map', keyType: 'string', valueType: 'integer' },
      { type: 'map', keyType: 'integer', valueType: 'string' },
      { type: 'map', keyType: 'string', valueType: { type: 'array', elementType: 'integer' } },
      { type: 'map', keyType: 'string', valueType: 'double' },
      { type: 'map', keyType: 'string', valueType: 'date' },
      { type: 'map', keyType: 'string', valueType: 'binary' },
      { type: 'map', keyType: 'string', valueType: 'integer' },
    ],
    cells: [{ a: 1, b: null }, { 1: 'x' }, { a: [1, 2] }, { n: null }, { k: '2020-01-02' }, { b: [1] }, null],
  },
  {
    title: 'structures are a schema and values, in lists, too',
    spark:
      "SELECT named_struct('x', 1, 'y', CAST(NULL AS STRING)), named_struct('dec', CAST(1.5 AS DECIMAL(5,2)), 'at', TIMESTAMP'2020-01-02 03:04:05', 'l', array(1), 'm', map('a', 5L), 'in', named_struct('z', DOUBLE('NaN'))), array(named_struct('x', 1)), CAST(NULL AS STRUCT<x: INT>)",
    builtIn:
      "SELECT {'x': 1, 'y': NULL::VARCHAR}, {'dec': 1.5::DECIMAL(5,2), 'at': TIMESTAMP '2020-01-02 03:04:05', 'l': [1], 'm': MAP {'a': 5::BIGINT}, 'in': {'z': 'NaN'::DOUBLE}}, [{'x': 1}], NULL::STRUCT(x INTEGER)",
    types: [
      { type: 'struct', fields: [field('x', 'integer'), field('y', 'string')] },
      {
        type: 'struct',
        fields: [
          field('dec', 'decimal(5,2)'),
          field('at', 'timestamp'),
          field('l', { type: 'array', elementType: 'integer' }),
          field('m', { type: 'map', keyType: 'string', valueType: 'long' }),
          field('in', { type: 'struct', fields: [field('z', 'double')] }),
        ],
      },
      { type: 'array', elementType: { type: 'struct', fields: [field('x', 'integer')] } },
      { type: 'struct', fields: [field('x', 'integer')] },
    ],
    cells: [
      { schema: [inner('x'), inner('y')], values: [1, null] },
      {
        schema: [
          inner('dec', { precision: 5, scale: 2 }),
          inner('at'),
          inner('l', { elementType: {} }),
          inner('m', { keyType: {}, valueType: {} }),
          inner('in', [inner('z')]),
        ],
        values: [1.5, '2020-01-02T03:04:05Z', [1], { a: 5 }, { schema: [inner('z')], values: [null] }],
      },
      [{ schema: [inner('x')], values: [1] }],
      null,
    ],
  },
  {
    title: 'lists of lists, of times, of decimals and of bytes',
    spark:
      "SELECT array(array(1)), array(1, NULL), array(TIMESTAMP'2020-01-02 03:04:05'), array(CAST(1.50 AS DECIMAL(5,2))), array(X'01'), array(map('a', 1)), array(DOUBLE('NaN'))",
    builtIn:
      "SELECT [[1]], [1, NULL], [TIMESTAMP '2020-01-02 03:04:05'], [1.50::DECIMAL(5,2)], ['\\x01'::BLOB], [MAP {'a': 1}], ['NaN'::DOUBLE]",
    types: [
      { type: 'array', elementType: { type: 'array', elementType: 'integer' } },
      { type: 'array', elementType: 'integer' },
      { type: 'array', elementType: 'timestamp' },
      { type: 'array', elementType: 'decimal(5,2)' },
      { type: 'array', elementType: 'binary' },
      { type: 'array', elementType: { type: 'map', keyType: 'string', valueType: 'integer' } },
      { type: 'array', elementType: 'double' },
    ],
    cells: [[[1]], [1, null], ['2020-01-02T03:04:05Z'], [1.5], [[1]], [{ a: 1 }], [null]],
  },
  {
    title: 'numbers of every size, times of every age, and nothing',
    spark:
      "SELECT CAST(1.50 AS DECIMAL(5,2)), CAST(1 AS DECIMAL(10,0)), CAST('0.000000001' AS DECIMAL(20,10)), TIMESTAMP'1960-01-02 03:04:05', DATE'0001-01-01', DOUBLE('Infinity'), FLOAT(0.1), 1e30D, 3D, 9007199254740993L, CAST(1 AS TINYINT), true, X'', CAST(NULL AS DATE), CAST(NULL AS DECIMAL(5,2)), CAST(NULL AS BINARY), CAST(NULL AS TIMESTAMP)",
    builtIn:
      "SELECT 1.50::DECIMAL(5,2), 1::DECIMAL(10,0), 0.000000001::DECIMAL(20,10), TIMESTAMP '1960-01-02 03:04:05', DATE '0001-01-01', 'inf'::DOUBLE, 0.1::FLOAT, 1e30::DOUBLE, 3::DOUBLE, 9007199254740993, 1::TINYINT, true, ''::BLOB, NULL::DATE, NULL::DECIMAL(5,2), NULL::BLOB, NULL::TIMESTAMP",
    types: [
      ...[
        'decimal(5,2)',
        'decimal(10,0)',
        'decimal(20,10)',
        'timestamp',
        'date',
        'double',
        'float',
        'double',
        'double',
      ],
      ...['long', 'byte', 'boolean', 'binary', 'date', 'decimal(5,2)', 'binary', 'timestamp'],
    ],
    cells: [
      ...[1.5, 1, 1e-9, '1960-01-02T03:04:05Z', '0001-01-01', 'Infinity', 0.10000000149011612, 1e30, 3],
      ...[Number('9007199254740993'), 1, true, [], null, null, null, null],
    ],
  },
]

/** Spark knows of literals that they are never null; the built-in engine does not say. */
const UNSAID = new Set(['nullable', 'containsNull', 'valueContainsNull'])

/** The types and the row of a table as `application/json` has it. */
export function typesAndCells(table: unknown): { types: unknown[]; cells: unknown[] } {
  const { schema, data } = JSON.parse(JSON.stringify(table), (key, value) => (UNSAID.has(key) ? undefined : value)) as {
    schema: { fields: { type: unknown }[] }
    data: unknown[][]
  }
  return { types: schema.fields.map(({ type }) => type), cells: data[0]! }
}
