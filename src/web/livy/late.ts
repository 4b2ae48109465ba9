import { LivyRefusal } from '../../protocols/livy/refusal.ts'

/** What Livy refuses only when it knows that the session is there: a request for one that is not is 404, whatever else is wrong. */
export class LateRefusal extends LivyRefusal {}
