/** How a request is known that shall be answered once: by what its sender calls it, and who that is. */
export interface OnceName {
  readonly accountId: string
  readonly keyId: string
  /** The client's own word for it. */
  readonly key: string
}

/** An attempt to answer: at what, and the fence that it is known by. */
export interface OnceClaim {
  readonly name: OnceName
  readonly fence: string
}

/** An answer as it was written, to be given again. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Undefined when it was too large to be kept. */
  readonly body: Uint8Array | undefined
}

/** What became of an attempt to begin. */
export type Beginning =
  /** Nobody has begun: it is to be answered now. The fence is what this attempt is known by. */
  | { readonly state: 'new'; readonly fence: string }
  /** Another attempt is answering since that time: milliseconds since the epoch. */
  | { readonly state: 'in_flight'; readonly since: number }
  /** There is one of that name that asked something else. */
  | { readonly state: 'other_request' }
  /** It was answered. */
  | { readonly state: 'done'; readonly answer: KeptAnswer }

/**
 * Requests that are answered once, whoever asks how often, and their answers for a time. `now` is the time to judge leases and expiry
 * by; all times are milliseconds since the epoch.
 */
export interface IdempotencyStore {
  /**
   * Of all who begin a request at once, on whatever replica, one is `new`, until its lease is over or it is forgotten. The fingerprint
   * says what is asked.
   */
  begin(name: OnceName, fingerprint: string, leaseUntil: number, now: number): Promise<Beginning>
  /** Keeps attempts on lease until then, also those whose lease is over. Others, and what was answered, stay as they are. */
  renew(claims: readonly OnceClaim[], leaseUntil: number): Promise<void>
  /** Keeps the answer until that time. False, and nothing is kept, when the attempt of that fence is not the current one. */
  finish(name: OnceName, fence: string, answer: KeptAnswer, expires: number): Promise<boolean>
  /** Lets the request be asked anew. Does nothing when the attempt of that fence is not the current one, or was answered. */
  forget(name: OnceName, fence: string): Promise<void>
  /** Forgets what is past its time, and tells how many that were. */
  sweep(now: number): Promise<number>
}
