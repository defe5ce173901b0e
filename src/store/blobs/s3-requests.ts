import { setTimeout as sleep } from 'node:timers/promises'
import { AwsV4Signer } from 'aws4fetch'
import { fail, GatewayError } from '../../error/index.ts'

/** What signs requests. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** One request, as the way out takes it. */
export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal: AbortSignal
}

/** What came back, as the way out gives it. */
export interface S3Response {
  readonly status: number
  header(name: string): string | undefined
  readonly body: AsyncIterable<Uint8Array>
  text(limit?: number): Promise<string>
}

/** Where objects are, and how to get there. */
export interface S3Place {
  /** The way out: rejects when there is no connection. */
  readonly send: (request: S3Request) => Promise<S3Response>
  /** The base URL of the service, without a slash at its end. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** What the names of objects begin with. */
  readonly prefix: string
  /** Asked for each request, so that they may change. */
  readonly credentials: () => Promise<S3Credentials>
  /** Milliseconds that the service may be silent; a minute. */
  readonly silentMs?: number
  /** Milliseconds before a second try; before the third twice that. 200. */
  readonly pauseMs?: number
}

/** What to ask. */
export interface S3Question {
  readonly method: 'PUT' | 'POST' | 'DELETE'
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Statuses of a good answer. */
  readonly good: readonly number[]
  /** How often to try when the service fails or is too busy; 3. */
  readonly tries?: number
}

/** A good answer. */
export interface S3Answer {
  readonly text: string
  readonly header: (name: string) => string | undefined
}

const usualTries = 3
const answerBytes = 1024 * 1024

/** Signed requests (Signature Version 4, with the hash of the body in it) for the objects of one place. */
export class S3Requests {
  readonly #place: S3Place
  readonly #silentMs: number

  constructor(place: S3Place) {
    this.#place = place
    this.#silentMs = place.silentMs ?? 60_000
  }

  /** Asks, again while the service fails or is too busy. Rejects with `store_unavailable` for any answer but a good one. */
  async ask({ tries = usualTries, ...question }: S3Question): Promise<S3Answer> {
    for (let tried = 1; ; tried += 1) {
      const last = tried >= tries
      try {
        const response = await this.#send(question, AbortSignal.timeout(this.#silentMs))
        const text = await response.text(answerBytes)
        if (question.good.includes(response.status)) return { text, header: (name) => response.header(name) }
        if (last || !isPassing(response.status)) throw refusal(response.status, text)
      } catch (error) {
        if (last || isRefusal(error)) throw unreachable(error)
      }
      await this.#pause(tried)
    }
  }

  /** The bytes of an object as they come. Throws `not_found`, before the first of them. */
  async *download(key: string, headers: Readonly<Record<string, string>>): AsyncGenerator<Uint8Array, void, void> {
    const silence = new AbortController()
    const abort = (): void => silence.abort(fail('store_unavailable', 'the store of files is silent'))
    let timer = setTimeout(abort, this.#silentMs)
    try {
      const response = await this.#found(key, headers, silence.signal)
      for await (const piece of response.body) {
        // Whoever reads may take its time.
        clearTimeout(timer)
        yield piece
        timer = setTimeout(abort, this.#silentMs)
      }
    } catch (error) {
      throw unreachable(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** The answer that brings an object. Asks again while the service fails or is too busy. */
  async #found(key: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<S3Response> {
    for (let tried = 1; ; tried += 1) {
      const response = await this.#send({ method: 'GET', key, headers }, signal)
      if (response.status === 200 || response.status === 206) return response
      const text = await response.text(answerBytes)
      if (response.status === 404) throw fail('not_found', 'there is no such file')
      if (tried === usualTries || !isPassing(response.status)) throw refusal(response.status, text)
      await this.#pause(tried)
    }
  }

  /** Longer from try to try, and never the same for all. */
  async #pause(tried: number): Promise<void> {
    await sleep((this.#place.pauseMs ?? 200) * 2 ** (tried - 1) * (0.5 + Math.random()))
  }

  async #send(
    asked: {
      readonly method: S3Request['method']
      readonly key: string
      readonly query?: Readonly<Record<string, string>>
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Uint8Array
    },
    signal: AbortSignal,
  ): Promise<S3Response> {
    const { endpoint, region, bucket, prefix, send } = this.#place
    const { method, key, query = {}, headers = {}, body } = asked
    const url = new URL(`${endpoint}/${bucket}/${prefix}${key}`)
    url.search = new URLSearchParams(query).toString()
    const { sessionToken, ...credentials } = await this.#place.credentials()
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers, 'x-amz-content-sha256': await hashOf(body) },
      ...credentials,
      ...(sessionToken !== undefined && { sessionToken }),
      service: 's3',
      region,
    })
    const signed = await signer.sign()
    return await send({
      method,
      url: signed.url.href,
      headers: Object.fromEntries(signed.headers),
      ...(body !== undefined && { body }),
      signal,
    })
  }
}

/** Hashed beside the event loop. */
async function hashOf(body: Uint8Array = new Uint8Array()): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', body as Uint8Array<ArrayBuffer>)).toString('hex')
}

/** Whether the service may answer otherwise soon. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 429
}

/** The service's own word for what is wrong is for the log. */
function refusal(status: number, text: string): GatewayError {
  const [, code = ''] = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text) ?? []
  return fail('store_unavailable', 'the store of files refuses', {
    cause: fail('store_unavailable', `it answered ${status} ${code}`.trimEnd()),
    retryable: isPassing(status),
  })
}

function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.reason === 'store_unavailable' && error.details.retryable === false
}

function unreachable(error: unknown): GatewayError {
  if (error instanceof GatewayError && (error.reason === 'store_unavailable' || error.reason === 'not_found'))
    return error
  return fail('store_unavailable', 'the store of files cannot be reached', { cause: error })
}
