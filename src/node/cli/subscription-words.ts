/** Subscriptions in words. */
import type { SubscriptionView } from '../../protocols/model/subscription.ts'
import { plural } from './format.ts'

/** As it would be typed: `keyword=stars size<=2000000`. */
export function filterWords({ filter, files }: Pick<SubscriptionView, 'filter' | 'files'>): string {
  const { text, keyword = [], cone, ...rest } = filter
  return [
    ...(text === undefined ? [] : [text]),
    ...keyword.map((each) => `keyword=${each}`),
    ...Object.entries(rest).map(([key, value]) => `${key}=${value}`),
    ...(cone === undefined ? [] : [`cone=${cone.ra},${cone.dec},${cone.radius}`]),
    ...files.map((glob) => `(files ${glob})`),
  ].join(' ')
}

/** `active`, or why it is not */
export function stateWords({ state, problem }: SubscriptionView): string {
  return problem === undefined ? state : `${state}: ${problem.message}`
}

/** `3 available, 1 waiting`; those known before are of no interest here. */
export function metWords({ datasets }: SubscriptionView): string {
  const counted = Object.entries(datasets).filter(([state]) => state !== 'known')
  if (counted.length === 0) return 'none yet'
  return counted.map(([state, count]) => `${count} ${state}`).join(', ')
}

export const knownWords = ({ datasets }: SubscriptionView) => plural(datasets.known ?? 0, 'dataset')
