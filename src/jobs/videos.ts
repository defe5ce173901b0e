import { randomBytes, randomUUIDv7 } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CancelVideoRequestSchema,
  JobStatus,
  ListVideosResponseSchema,
  type Video,
} from '#gen/switchyard/v1/video_pb.ts'
import { scopeOf, selectAccount } from '../core/admit.ts'
import type { CallInput, Core, ModelCall, OpenedCall, Principal } from '../core/contract.ts'
import type { FileContent, VideoOperations } from '../dialects/surface.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { toldProgress, toldSeconds, toldSize, videoOf } from '../model/video.ts'
import {
  type AccountScope,
  defaultAccountId,
  type NewVideo,
  type VideoMaker,
  type VideoRow,
} from '../store/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'
import { contextOf, lookAt, nextLook, type VideoPollParts } from './video-poll.ts'

/** What videos are made of. */
export interface VideosParts extends VideoPollParts {
  /** A file that is kept. Throws `not_found`. */
  readonly open: (fileId: string, scope: AccountScope) => Promise<FileContent>
}

/** A look that somebody waits for may take this long before they are told what was known: milliseconds. */
const patienceMs = 2000

const defaultLimit = 50

/** How often videos are forgotten whose bytes are gone: a minute after the start, and every hour. */
const forgetPace: Pace = [60_000, 3_600_000]

/** Videos whose last look is remembered. */
const mostLooked = 10_000

/**
 * Videos of this process: calls that begin one, what callers may ask of them, and the looks at providers. A video is in the store
 * before a provider is asked for it, so that none is lost.
 */
export class Videos {
  readonly #parts: VideosParts
  readonly #owner = randomUUIDv7()
  readonly #stopping = new AbortController()
  /** When this process last asked for a video, for whoever wants to know how far it is. */
  readonly #looked = new Map<string, number>()
  #working: Promise<void> | undefined
  #endForgetting: (() => Promise<void>) | undefined

  constructor(parts: VideosParts) {
    this.#parts = parts
  }

  /** The core, with calls that begin a video and keep it. */
  within(core: Core): Core {
    const call: Core['call'] = (operation, input, ledger) => {
      const made = core.call(operation, input, ledger)
      if (operation !== 'create_video') return made
      const begun = this.#begun(input as CallInput<'create_video'>, made as unknown as ModelCall<'create_video'>)
      return begun as unknown as typeof made
    }
    return { ...core, call }
  }

  /** For one caller. */
  operations(caller: Principal): VideoOperations {
    const scope = scopeOf(caller)
    const { store, open } = this.#parts
    return {
      get: async (id) => {
        await this.#refresh(await store.video(id, scope))
        return this.#message(await store.video(id, scope))
      },
      list: async ({ limit, cursor, after = '', oldestFirst = false }) => {
        const page = {
          limit: limit || defaultLimit,
          order: oldestFirst ? ('oldest first' as const) : ('newest first' as const),
          ...(cursor !== '' && { cursor }),
          ...(after !== '' && { after }),
        }
        const { rows, nextCursor } = await store.videos(scope, page)
        return create(ListVideosResponseSchema, {
          videos: rows.map((row) => this.#message(row)),
          nextCursor: nextCursor ?? '',
        })
      },
      cancel: async (id) => {
        const before = await store.video(id, scope)
        const row = await store.cancel(id, scope, Date.now())
        if (before.finished === undefined && row.status === 'cancelled') void this.#endUpstream(row)
        return this.#message(row)
      },
      remove: async (id) => {
        const row = await store.remove(id, scope)
        // Bytes that cannot be let go of now go when their time is over.
        if (row.fileId !== '') await this.#parts.vault.remove(row.fileId, scope).catch(() => undefined)
        return row.id
      },
      content: async (id) => {
        const row = await store.video(id, scope)
        if (row.status === 'completed') return await open(row.fileId, scope)
        throw fail('conflict', `the video is ${row.status}, and has no content`)
      },
    }
  }

  /** Begins to look at videos. */
  start(): void {
    if (this.#working !== undefined) return
    this.#working = this.#work()
    const { store, settings, log } = this.#parts
    if (!Number.isFinite(settings.keptMs)) return
    const forget = (): Promise<void> => store.forget(Date.now() - settings.keptMs)
    this.#endForgetting = repeat(forget, (err) => log.warn({ err }, 'old videos could not be forgotten'), forgetPace)
  }

  /** Resolves when no look is under way any more, but for those that do not end soon. */
  async stop(): Promise<void> {
    this.#stopping.abort(fail('shutting_down', 'the gateway is stopping'))
    await Promise.all([this.#working, this.#endForgetting?.()])
  }

  async #work(): Promise<void> {
    const { store, settings, log } = this.#parts
    const { signal } = this.#stopping
    // One whose bytes take their time does not keep the others waiting.
    const looks = new Set<Promise<void>>()
    let isTold = false
    while (!signal.aborted) {
      try {
        const free = settings.most - looks.size
        const claimed = free > 0 ? await store.claim(this.#owner, Date.now(), settings.leaseMs, free) : []
        for (const one of claimed) {
          const look = lookAt(one, this.#parts, signal).finally(() => looks.delete(look))
          looks.add(look)
        }
        isTold = false
      } catch (err) {
        if (!isTold) log.warn({ err }, 'videos wait: the store does not answer')
        isTold = true
      }
      await sleep(settings.pollMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
    // Bytes that a bucket does not take are not waited for: the lease ends by itself.
    await Promise.race([Promise.all(looks), sleep(patienceMs, undefined, { ref: false })])
  }

  /** Asks how far a video is, unless somebody does, or did a moment ago. */
  async #refresh(video: VideoRow): Promise<void> {
    if (video.finished !== undefined || video.upstreamId === '') {
      this.#looked.delete(video.id)
      return
    }
    const now = Date.now()
    const { store, settings } = this.#parts
    if (now - (this.#looked.get(video.id) ?? 0) < Math.min(1000, settings.pollMs)) return
    // What clients never asked for again would stay for ever.
    if (this.#looked.size >= mostLooked) this.#looked.clear()
    this.#looked.set(video.id, now)
    const [claimed] = await store.claim(this.#owner, now, settings.leaseMs, 1, video.id)
    if (claimed === undefined) return
    const look = lookAt(claimed, this.#parts, this.#stopping.signal)
    await Promise.race([look, sleep(patienceMs, undefined, { ref: false })])
  }

  /** Tells the provider that nobody wants a video any more. What comes of it changes nothing. */
  async #endUpstream(video: VideoMaker & Pick<VideoRow, 'id'>): Promise<void> {
    const { registry, settings, log } = this.#parts
    const held = registry.hold()
    try {
      const loaded = held.provider(video.provider)
      if (loaded === undefined || video.upstreamId === '') return
      const asked = create(CancelVideoRequestSchema, { id: video.upstreamId, model: video.model })
      await loaded.provider.cancelVideo?.(asked, contextOf(loaded, this.#parts, AbortSignal.timeout(settings.leaseMs)))
    } catch (err) {
      log.warn({ video: video.id, err }, 'a video could not be ended at its provider')
    } finally {
      registry.release(held)
    }
  }

  #message(row: VideoRow): Video {
    const { finished, fileId } = row
    const { keptMs } = this.#parts.settings
    const ends = finished !== undefined && fileId !== '' && Number.isFinite(keptMs)
    return { ...messageOf(row), ...(ends && { expires: timestampFromMs(finished + keptMs) }) }
  }

  #begun(input: CallInput<'create_video'>, call: ModelCall<'create_video'>): ModelCall<'create_video'> {
    return {
      get asked() {
        return call.asked
      },
      cancel: (reason: GatewayError) => call.cancel(reason),
      open: async () => {
        const { store } = this.#parts
        let row: NewVideo
        try {
          row = this.#asked(input)
          await store.create(row)
        } catch (error) {
          // What is not written down is not asked for. The call is settled by what it says of that itself.
          call.cancel(asGatewayError(error))
          return await call.open()
        }
        try {
          return this.#opened(row.id, await call.open())
        } catch (error) {
          await this.#giveUp(row.id)
          throw error
        }
      },
    }
  }

  /** Forgets a video that is not to be; one that cannot be forgotten now has failed when its time is over. */
  async #giveUp(id: string): Promise<void> {
    const { store } = this.#parts
    await store.cancel(id, 'all', Date.now()).catch(() => undefined)
    await store.remove(id, 'all').catch(() => undefined)
  }

  #asked({ principal, account, dialect, request }: CallInput<'create_video'>): NewVideo {
    const created = Date.now()
    return {
      id: `video_${randomBytes(16).toString('hex')}`,
      accountId: selectAccount(principal, account) || principal.accounts[0] || defaultAccountId,
      keyId: principal.keyId,
      dialect,
      alias: request.model,
      size: request.size ?? '',
      seconds: request.seconds ?? 0,
      paidBy: randomUUIDv7(),
      created,
      deadline: created + this.#parts.settings.deadlineMs,
    }
  }

  #opened(id: string, opened: OpenedCall<'create_video'>): OpenedCall<'create_video'> {
    const { served } = opened
    const { registry, store, settings } = this.#parts
    const makerOf = (given: Video): VideoMaker => {
      const held = registry.hold()
      const provider = held.provider(served.provider)
      registry.release(held)
      const vendor = provider?.vendor ?? provider?.record.type ?? ''
      return { provider: served.provider, vendor, model: served.model, upstreamId: given.id }
    }
    /** Nobody would follow a video that could not be written down: its provider need not make it. */
    const unlessLost = async (kept: () => Promise<Video>): Promise<Video> => {
      try {
        return await kept()
      } catch (error) {
        const [first] = opened.first
        if (first !== undefined) void this.#endUpstream({ id, ...makerOf(first) })
        // One that its client has cancelled by now is not lost.
        const ended = await store.video(id, 'all').catch(() => undefined)
        if (ended?.status === 'cancelled' && asGatewayError(error).reason === 'not_found') return this.#message(ended)
        await this.#giveUp(id)
        throw error
      }
    }
    const keep = async (given: Video): Promise<Video> => {
      const now = Date.now()
      const [size, seconds] = [toldSize(given), toldSeconds(given)]
      const row = await store.taken(id, makerOf(given), {
        status: given.status === JobStatus.IN_PROGRESS ? 'in_progress' : 'queued',
        progress: toldProgress(given),
        due: nextLook({ created: now }, now, settings.pollMs),
        ...(size !== '' && { size }),
        ...(seconds > 0 && { seconds }),
      })
      return { ...this.#message(row), dropped: given.dropped }
    }
    async function* events(): OpenedCall<'create_video'>['events'] {
      for await (const batch of opened.events)
        yield await Promise.all(batch.map((given) => unlessLost(() => keep(given))))
    }
    return { ...opened, events: events(), whole: () => unlessLost(async () => keep(await opened.whole())) }
  }
}

const statusOf = {
  queued: JobStatus.QUEUED,
  in_progress: JobStatus.IN_PROGRESS,
  completed: JobStatus.COMPLETED,
  failed: JobStatus.FAILED,
  cancelled: JobStatus.CANCELLED,
} as const satisfies Record<VideoRow['status'], JobStatus>

/** A video as the contract shows it: nothing of who makes it. Its first file is named by its id. */
function messageOf(row: VideoRow): Video {
  return videoOf({
    id: row.id,
    model: row.alias,
    status: statusOf[row.status],
    progress: row.progress,
    created: timestampFromMs(row.created),
    ...(row.finished !== undefined && { completed: timestampFromMs(row.finished) }),
    files: row.fileId === '' ? [] : [{ $typeName: 'switchyard.v1.VideoFile', url: row.fileId, mediaType: '' }],
    errorReason: row.problem?.reason ?? '',
    errorMessage: row.problem?.message ?? '',
    seconds: row.seconds,
    size: row.size,
  })
}
