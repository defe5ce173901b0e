import type { ChatRequest, Message } from '#gen/switchyard/v1/chat_pb.ts'
import type { InlineMedia } from '../dialects/contract.ts'
import { readDataUrl } from '../dialects/parts.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { Egress } from './egress.ts'
import { type Fetched, fetchUrl } from './media-fetch.ts'
import { inlinedIn, type Linked, linkedIn, type NeedsBytes, type Replacement, replaceIn } from './media-parts.ts'
import { mediaTypeOf, sniff } from './media-type.ts'

export type { NeedsBytes } from './media-parts.ts'

/** How much is fetched for one request. */
export interface MediaLimits {
  /** Bytes that one URL may lead to. */
  readonly bytes: number
  /** Bytes of all URLs together. */
  readonly totalBytes: number
  /** Bytes of all requests at once, from when they come until their request needs them no more. */
  readonly heldBytes: number
  /** URLs; with 0 none is ever fetched. */
  readonly count: number
  /** Milliseconds for all of them. */
  readonly timeoutMs: number
}

/** The limits where nobody set others. */
export const defaultMediaLimits: MediaLimits = {
  bytes: 20 * 1024 * 1024,
  totalBytes: 50 * 1024 * 1024,
  heldBytes: 512 * 1024 * 1024,
  count: 32,
  timeoutMs: 15_000,
}

/** What is needed to put bytes in the place of URLs: a part of every call's context. */
export interface MediaContext {
  readonly egress: Egress
  readonly signal: AbortSignal
  /** Without one, the default limits hold, and nothing is remembered between two tries. */
  readonly media?: MediaReader | undefined
}

/** A request with bytes in the place of URLs, and what they are by the URL they came from. */
export interface InlinedRequest {
  readonly request: ChatRequest
  readonly media: ReadonlyMap<string, InlineMedia>
}

/**
 * The request with bytes in the place of the URLs that `needsBytes` names; itself where it names none. URLs are fetched through the
 * guard of the egress, each once for a request, however many targets are tried. Throws `invalid_request` naming the part whose URL
 * cannot be fetched or leads to something of another kind, `overloaded` when too much is fetched at once.
 */
export function inlineMedia(
  request: ChatRequest,
  needsBytes: NeedsBytes,
  { egress, signal, media = new MediaReader(egress) }: MediaContext,
): Promise<InlinedRequest> {
  return media.inline(request, needsBytes, signal)
}

/**
 * The request with empty bytes in the place of the URLs that `needsBytes` names, to learn what of it can be carried without asking for
 * anything.
 */
export function withStandIns(request: ChatRequest, needsBytes: NeedsBytes): ChatRequest {
  const usual = { image: 'image/png', audio: 'audio/wav', file: 'application/pdf' } as const
  const bytes = new Map(
    linkedIn(request, needsBytes).map(({ source, media: { kind, mediaType } }) => [
      source,
      {
        source: { case: 'data' as const, value: new Uint8Array() },
        mediaType: mediaType === '' ? usual[kind] : mediaType,
      },
    ]),
  )
  return replaceIn(request, bytes)
}

/**
 * The request with the true types of its inline images, as their bytes tell them: some vendors take any for any, and others refuse what is
 * called by another's name.
 */
export function withTrueTypes(request: ChatRequest): ChatRequest {
  const wrong = inlinedIn(request).flatMap(({ source, kind, media: { data, mediaType } }) => {
    const type = kind === 'image' ? sniff(data, kind) : undefined
    const isOther = type !== undefined && type !== mediaType && type.startsWith('image/')
    return isOther ? [[source, { source: { case: 'data', value: data }, mediaType: type } as const] as const] : []
  })
  return replaceIn(request, new Map(wrong))
}

/** URLs that are read at the same time, for one request. */
const lanes = 4

/** What one request has had fetched so far. */
interface Session {
  readonly fetched: Map<string, Promise<Fetched>>
  bytes: number
  /** Nobody needs it any more; what still comes for it is not kept. */
  isOver: boolean
}

/** Reads what the URLs of requests lead to, within limits, and remembers it for as long as a request may be tried again. */
export class MediaReader {
  readonly #egress: Egress
  readonly #limits: MediaLimits
  /** By the messages of a request, which all its tries share. */
  readonly #sessions = new WeakMap<readonly Message[], Session>()
  #heldBytes = 0

  constructor(egress: Egress, limits: MediaLimits = defaultMediaLimits) {
    this.#egress = egress
    this.#limits = limits
  }

  /** See {@link inlineMedia}. Throws the signal's reason when it is aborted. */
  async inline(request: ChatRequest, needsBytes: NeedsBytes, signal: AbortSignal): Promise<InlinedRequest> {
    const linked = linkedIn(request, needsBytes)
    const media = new Map<string, InlineMedia>()
    if (linked.length === 0) return { request, media }
    const session = this.#sessionOf(request)
    await this.#fetchAll(linked, session, signal)
    const bytes = new Map<object, Replacement>()
    for (const one of linked) {
      const inline = await inlineOf(one, session)
      const { data, mediaType, name } = inline
      bytes.set(one.source, { source: { case: 'data', value: data }, mediaType, name })
      media.set(one.media.url, inline)
    }
    return { request: replaceIn(request, bytes), media }
  }

  /**
   * Lets go of what was fetched for a request, once it will not be tried again. Has to be called for every request that may have had
   * something fetched; harmless for any other, and a second time.
   */
  forget(request: object): void {
    const messages = 'messages' in request ? (request.messages as readonly Message[]) : []
    const session = this.#sessions.get(messages)
    if (session === undefined) return
    session.isOver = true
    this.#heldBytes -= session.bytes
    this.#sessions.delete(messages)
  }

  #take(session: Session, bytes: number): void {
    if (session.isOver) throw fail('client_closed', 'nobody needs what is fetched any more')
    session.bytes += bytes
    this.#heldBytes += bytes
    const { totalBytes, heldBytes } = this.#limits
    if (session.bytes > totalBytes)
      throw fail('invalid_request', `the URLs of the request hold more than ${totalBytes} bytes`)
    if (this.#heldBytes > heldBytes) throw fail('overloaded', 'too much is being fetched for requests at the moment')
  }

  #sessionOf({ messages }: ChatRequest): Session {
    const known = this.#sessions.get(messages)
    if (known !== undefined) return known
    const session: Session = { fetched: new Map(), bytes: 0, isOver: false }
    this.#sessions.set(messages, session)
    return session
  }

  /** Fetches what is not yet here, a few at a time. The first failure ends the others. */
  async #fetchAll(linked: readonly Linked[], session: Session, signal: AbortSignal): Promise<void> {
    const missing = linked.filter(({ media: { url } }) => !session.fetched.has(url) && !isData(url))
    const waiting = [...new Map(missing.toReversed().map((one) => [one.media.url, one])).values()].toReversed()
    if (session.fetched.size + waiting.length > this.#limits.count) {
      const [first] = waiting
      throw named(first?.path ?? '', `more than ${this.#limits.count} URLs would have to be fetched`)
    }
    const stop = new AbortController()
    const late = setTimeout(
      () => stop.abort(fail('invalid_request', 'the URL could not be fetched in time')),
      this.#limits.timeoutMs,
    )
    const either = AbortSignal.any([stop.signal, signal])
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await this.#fetch(next, session, either)
    }
    try {
      await Promise.all(Array.from({ length: Math.min(lanes, waiting.length) }, lane))
    } catch (error) {
      stop.abort(error)
      throw signal.aborted ? signal.reason : error
    } finally {
      clearTimeout(late)
    }
  }

  async #fetch({ media, path }: Linked, session: Session, signal: AbortSignal): Promise<void> {
    const fetched = fetchUrl(this.#egress, media.url, {
      accept: media.kind === 'file' ? '*/*' : `${media.kind}/*,*/*;q=0.1`,
      limit: this.#limits.bytes,
      took: (bytes) => this.#take(session, bytes),
      signal,
    })
    session.fetched.set(media.url, fetched)
    try {
      await fetched
    } catch (error) {
      session.fetched.delete(media.url)
      throw error instanceof GatewayError && error.reason === 'invalid_request'
        ? named(path, error.message, error)
        : error
    }
  }
}

/** The bytes of a piece, as what they are, and what a file of them would be called. */
async function inlineOf({ media, path }: Linked, session: Session): Promise<InlineMedia & { readonly name: string }> {
  const data = readDataUrl(media.url, path)
  if (data !== undefined) return { ...data, name: '' }
  const fetched = await session.fetched.get(media.url)
  if (fetched === undefined) throw named(path, 'the URL was not fetched')
  const mediaType = mediaTypeOf(media, fetched.bytes, fetched.contentType)
  if (mediaType !== undefined) return { data: fetched.bytes, mediaType, name: fetched.name }
  const wanted = {
    image: 'an image',
    audio: 'sound',
    file: `a file of the type ${media.mediaType || 'it is served as'}`,
  }
  throw named(path, `the URL does not lead to ${wanted[media.kind]}`)
}

function named(path: string, why: string, cause?: unknown): GatewayError {
  return fail('invalid_request', `${path}: ${why}`, { param: path, ...(cause !== undefined && { cause }) })
}

function isData(url: string): boolean {
  return /^data:/i.test(url)
}
