import { type GossipSub, gossipsub, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import { quotas } from '../../protocols/wire/quota.ts'
import type { Admission } from './guard.ts'
import type { GossipTopic } from './port.ts'

/** Bytes of one message: heads and one small record, see `protocols/sync`. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** Messages a minute of one author: four heads a second, heartbeats, and a reserve. */
const MAX_PER_MINUTE = 600

export const GOSSIP_TOPICS: readonly GossipTopic[] = ['heads', 'heartbeats']

export function topicName(archipelagoId: string, topic: GossipTopic): string {
  return `/archipel/${archipelagoId}/${topic}/1`
}

type Factory = ReturnType<typeof gossipsub>
type Validator = GossipSub['topicValidators'] extends Map<string, infer Fn> ? Fn : never

/** gossipsub as islands use it: our topics and no others, messages of members and no others. */
export function gossip(archipelagoId: string, admission: Admission): Factory {
  const topics = GOSSIP_TOPICS.map((topic) => topicName(archipelagoId, topic))
  const factory = gossipsub({
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    allowedTopics: topics,
    maxInboundDataLength: MAX_MESSAGE_BYTES * 4,
    runOnLimitedConnection: true,
    // Membership is our admission; many islands behind one address must not silence each other.
    scoreParams: { IPColocationFactorWeight: 0 },
  })
  return (components) => {
    const service = factory(components)
    // The archipelago's id in the protocol id keeps two archipelagos apart; this is a property of the service, not an option.
    Object.assign(service, { protocols: [`/archipel/${archipelagoId}/meshsub/1.1.0`] })
    for (const topic of topics) service.topicValidators.set(topic, gate(admission))
    return service
  }
}

/** What is neither taken nor passed on: messages of strangers, whoever brings them, and what is too large or too much. */
function gate(admission: Admission): Validator {
  const limits = quotas({ concurrent: Number.POSITIVE_INFINITY, perMinute: MAX_PER_MINUTE })
  return (_from, message) => {
    if (message.type !== 'signed' || message.data.length > MAX_MESSAGE_BYTES) return TopicValidatorResult.Reject
    const author = message.from.toString()
    if (!admission.isMember(author)) return TopicValidatorResult.Ignore
    try {
      limits.enter(author)()
      return TopicValidatorResult.Accept
    } catch {
      return TopicValidatorResult.Ignore
    }
  }
}
