import type { Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

type Maker<Components> = (components: Components) => StreamMuxerFactory

/** What a muxer of yamux does, by the names of its methods. */
interface Opener {
  onCreateStream(options: object): Stream & { sendWindowUpdate(): void }
}

/**
 * Yamux opens a stream with a message that it sends after the caller was given the stream. Where the connection began to close in
 * between, that throws where nobody can catch it, and ends the process. Here it ends the stream.
 */
export function openingSafely<Components>(make: Maker<Components>): Maker<Components> {
  return (components) => {
    const factory = make(components)
    const { createStreamMuxer } = factory
    factory.createStreamMuxer = (connection) => guarded(createStreamMuxer.call(factory, connection))
    return factory
  }
}

function guarded(muxer: StreamMuxer): StreamMuxer {
  const opener = muxer as unknown as Opener
  const { onCreateStream } = opener
  opener.onCreateStream = (options) => {
    const stream = onCreateStream.call(opener, options)
    const { sendWindowUpdate } = stream
    stream.sendWindowUpdate = () => {
      stream.sendWindowUpdate = sendWindowUpdate
      try {
        stream.sendWindowUpdate()
      } catch (error) {
        stream.abort(error as Error)
      }
    }
    return stream
  }
  return muxer
}
