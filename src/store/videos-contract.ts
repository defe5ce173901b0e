import type { RequestRow } from './ledger-contract.ts'
import type { AccountScope, Page, PageRequest } from './scope.ts'

/*
 * Videos: jobs of a provider that the gateway follows. Whoever asks a provider how far one is has it on lease: for a time, and with a
 * fence, a number that counts up whenever somebody else takes it over. What comes with a fence that is not the current one
 * changes nothing.
 */

/** Where a video stands. The last three are ends: nothing changes any more. */
export const videoStatuses = ['queued', 'in_progress', 'completed', 'failed', 'cancelled'] as const

/** One of {@link videoStatuses}. */
export type VideoStatus = (typeof videoStatuses)[number]

/** A video as it is asked for, before a provider has taken it. */
export interface NewVideo {
  /** `video_` and 32 hex digits. */
  readonly id: string
  readonly accountId: string
  readonly keyId: string
  readonly dialect: string
  /** The model name asked for. */
  readonly alias: string
  /** Width and height as asked for, such as "1280x720"; empty where not said. */
  readonly size: string
  /** As asked for; 0 where not said. */
  readonly seconds: number
  /** The id of the row of the request log that it is paid by when it is there. */
  readonly paidBy: string
  readonly created: number
  /** When it is given up where it is not there by then. */
  readonly deadline: number
}

/** Who makes it. */
export interface VideoMaker {
  /** Name of the provider. */
  readonly provider: string
  /** What the price catalog calls the provider. */
  readonly vendor: string
  readonly model: string
  /** The provider's own id of the job. */
  readonly upstreamId: string
}

/** Why there is no video: a word, and a sentence for whoever asked. */
export interface VideoProblem {
  readonly reason: string
  readonly message: string
}

/** How far a video is. */
export interface VideoProgress {
  readonly status: 'queued' | 'in_progress'
  /** 0 to 100. */
  readonly progress: number
  /** When it is to be asked for again. */
  readonly due: number
}

/** A video. */
export interface VideoRow extends NewVideo, VideoMaker {
  readonly status: VideoStatus
  readonly progress: number
  readonly finished: number | undefined
  /** The file that has its bytes; empty until then. */
  readonly fileId: string
  readonly problem: VideoProblem | undefined
}

/** A video on lease. */
export interface ClaimedVideo {
  readonly video: VideoRow
  readonly fence: number
}

/** How it ended. */
export type VideoEnd =
  | { readonly status: 'completed'; readonly fileId: string; readonly seconds: number }
  | { readonly status: 'failed'; readonly problem: VideoProblem }

/** Videos. What takes a fence resolves with false, and has changed nothing, where another has taken over or the video has ended. */
export interface VideoStore {
  create(video: NewVideo): Promise<void>
  /** A provider has taken it on, and may have said what it will be. `not_found` when it has ended since. */
  taken(id: string, by: VideoMaker, now: VideoProgress & Partial<Pick<NewVideo, 'size' | 'seconds'>>): Promise<VideoRow>
  /** `not_found`, also for another account's. */
  video(id: string, scope: AccountScope): Promise<VideoRow>
  /** Behind the video of the id `after`, which is `invalid_request` when it is not there; newest first unless said otherwise. */
  videos(
    scope: AccountScope,
    page: PageRequest & { readonly after?: string; readonly order?: 'oldest first' | 'newest first' },
  ): Promise<Page<VideoRow>>
  /** Takes videos that are due and that nobody has, the longest waiting first; only the one of that id, if it is one of them. */
  claim(owner: string, now: number, leaseMs: number, most: number, id?: string): Promise<readonly ClaimedVideo[]>
  /** Keeps videos on lease until then: for as long as their bytes take. */
  renew(id: string, fence: number, until: number): Promise<boolean>
  /** Says how far it is, and gives it back. */
  report(id: string, fence: number, now: VideoProgress): Promise<boolean>
  /** It has ended; what it is paid by is taken into the request log in the same transaction. */
  end(id: string, fence: number, how: VideoEnd, request: RequestRow | undefined, now: number): Promise<boolean>
  /** Lets it end as cancelled, and gives it; one that has ended stays as it was. `not_found`. */
  cancel(id: string, scope: AccountScope, now: number): Promise<VideoRow>
  /** Forgets one that has ended, and gives it. `not_found`; `conflict` when it has not. */
  remove(id: string, scope: AccountScope): Promise<VideoRow>
  /** Forgets those that ended before then. */
  forget(before: number): Promise<void>
}
