/** DuckDB's syntax tree as `json_serialize_sql` gives it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Obj = { [key: string]: Json }
