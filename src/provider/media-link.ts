import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { InlineMedia, LinkedMedia } from '../dialects/contract.ts'
import { inlinedIn, type Replacement, replaceIn } from './media-parts.ts'

/** Keeps media where an upstream can read them by URL for a while. Belongs to the account that asks. */
export interface MediaPublisher {
  /** Bytes up to which media are sent as they are. */
  readonly above: number
  /** What its URLs begin with. */
  readonly base: string
  /** The URL of these bytes; the same for the same bytes, as long as it holds. Rejects when they cannot be kept. */
  publish(media: InlineMedia): Promise<string>
}

/**
 * The request with URLs in the place of large media, where `readsUrl` says that the upstream reads them. What cannot be kept is sent as it is,
 * and `failed` is told why: that is no reason not to answer.
 */
export async function linkMedia(
  request: ChatRequest,
  readsUrl: (media: LinkedMedia) => boolean,
  publisher: MediaPublisher,
  failed: (error: unknown) => void,
): Promise<ChatRequest> {
  const { above, base } = publisher
  const large = inlinedIn(request).filter(
    ({ kind, media: { data, mediaType } }) => data.length > above && readsUrl({ kind, url: base, mediaType }),
  )
  const links = new Map<object, Replacement>()
  for (const { source, media } of large) {
    try {
      const url = await publisher.publish(media)
      links.set(source, { source: { case: 'url', value: url }, mediaType: media.mediaType })
    } catch (error) {
      failed(error)
    }
  }
  return replaceIn(request, links)
}
