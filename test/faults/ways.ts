/** One way to ask the gateway for chat over HTTP, and to tell how its answer ended. */
export interface Way {
  readonly name: string
  /** The path for a whole answer or a stream. */
  path(streaming: boolean): string
  body(model: string, streaming: boolean): object
  /** A body whose limit of output tokens is this JSON text. */
  limited(model: string, limit: string): string
  /** The visible text of a stream. */
  said(stream: string): string
  /** The words of the frame that ends a failed stream; undefined when there is none. */
  failure(stream: string): { readonly code: string; readonly message: string } | undefined
  /** True when a client takes the stream for one that stopped as it should. */
  stopped(stream: string): boolean
  /** The code in the body of an error. */
  code(body: string): string
  /** The code that a reason has here. */
  codeOf(reason: string): string
}

interface Frame {
  readonly event: string
  readonly data: string
}

function framesOf(stream: string): Frame[] {
  return stream
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const lines = block.split('\n')
      const field = (name: string): string =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).trim())
          .join('\n')
      return { event: field('event'), data: field('data') }
    })
}

/** What the frames hold, as far as these tests look at it. */
interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; readonly finish_reason?: string }[]
  readonly error?: { readonly code?: string; readonly message: string; readonly type?: string }
}

function chunksOf(stream: string): Chunk[] {
  return framesOf(stream)
    .filter(({ data }) => data !== '' && data !== '[DONE]')
    .map(({ data }) => JSON.parse(data) as Chunk)
}

/** The body with one more member, as text. */
function withMember(body: object, name: string, value: string): string {
  return `${JSON.stringify(body).slice(0, -1)},"${name}":${value}}`
}

const question = [{ role: 'user', content: 'count to four, please' }]
const toText = (chunks: readonly Chunk[]): string =>
  chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('')

const openai: Way = {
  name: 'openai',
  path: () => '/v1/chat/completions',
  body: (model, streaming) => ({ model, messages: question, ...(streaming && { stream: true }) }),
  limited: (model, limit) => withMember(openai.body(model, false), 'max_tokens', limit),
  said: (stream) => toText(chunksOf(stream)),
  failure(stream) {
    const error = chunksOf(stream).find((chunk) => chunk.error !== undefined)?.error
    return error === undefined ? undefined : { code: error.code ?? '', message: error.message }
  },
  stopped: (stream) => stream.includes('data: [DONE]'),
  code: (body) => (JSON.parse(body) as { error: { code: string } }).error.code,
  codeOf: (reason) => (reason === 'rate_limited' ? 'rate_limit_exceeded' : reason),
}

const platformCodes: Readonly<Record<string, string>> = {
  invalid_request: 'BAD_REQUEST',
  unauthenticated: 'UNAUTHORIZED',
  not_found: 'NOT_FOUND',
  model_not_found: 'NOT_FOUND',
  request_timeout: 'REQUEST_TIMEOUT',
  payload_too_large: 'PAYLOAD_TOO_LARGE',
  rate_limited: 'RATE_LIMITED',
  provider_unavailable: 'UNAVAILABLE',
  timeout: 'TIMEOUT',
}

interface PlatformFrame {
  readonly type: string
  readonly delta?: { readonly text?: string }
  readonly error?: { readonly code: string; readonly message: string }
}

const platformFrames = (stream: string): PlatformFrame[] =>
  framesOf(stream).map(({ data }) => JSON.parse(data) as PlatformFrame)

const platform: Way = {
  name: 'platform',
  path: (streaming) => `/api/v1/inference/chat${streaming ? '/stream' : ''}`,
  body: (model) => ({ model, messages: question }),
  limited: (model, limit) => withMember({ model, messages: question }, 'maxTokens', limit),
  said: (stream) =>
    platformFrames(stream)
      .map(({ delta }) => delta?.text ?? '')
      .join(''),
  failure: (stream) => platformFrames(stream).find(({ type }) => type === 'error')?.error,
  stopped: (stream) => platformFrames(stream).some(({ type }) => type === 'message_stop'),
  code: (body) => (JSON.parse(body) as { error: { code: string } }).error.code,
  codeOf: (reason) => platformCodes[reason] ?? 'PROVIDER_ERROR',
}

const scaigridCodes: Readonly<Record<string, string>> = {
  invalid_request: 'invalid_request',
  unauthenticated: 'unauthorized',
  not_found: 'not_found',
  model_not_found: 'not_found',
  request_timeout: 'request_timeout',
  payload_too_large: 'payload_too_large',
  rate_limited: 'rate_limited',
  provider_unavailable: 'backend_unavailable',
  timeout: 'timeout',
}

const scaigrid: Way = {
  ...openai,
  name: 'scaigrid',
  path: () => '/v1/inference/chat',
  failure(stream) {
    const found = framesOf(stream).find(({ event }) => event === 'error')
    return found === undefined ? undefined : (JSON.parse(found.data) as { code: string; message: string })
  },
  // The end is always told; only the frame before it tells how it came.
  stopped: (stream) => stream.includes('data: [DONE]') && !stream.includes('event: error'),
  codeOf: (reason) => scaigridCodes[reason] ?? 'backend_error',
}

interface GenericFrame {
  readonly response?: Chunk
  readonly detail?: string
}

const genericFrames = (stream: string): GenericFrame[] =>
  framesOf(stream)
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => JSON.parse(data) as GenericFrame)

const sgp: Way = {
  name: 'sgp',
  path: () => '/v5/inference',
  body: (model, streaming) => ({ model, args: { messages: question, ...(streaming && { stream: true }) } }),
  limited: (model, limit) => withMember({ model }, 'args', withMember({ messages: question }, 'max_tokens', limit)),
  said: (stream) => toText(genericFrames(stream).flatMap(({ response }) => response ?? [])),
  failure(stream) {
    const detail = genericFrames(stream).find((frame) => frame.detail !== undefined)?.detail
    return detail === undefined ? undefined : { code: '', message: detail }
  },
  stopped: (stream) => stream.includes('data: [DONE]'),
  // Errors have no codes here, only their status and words.
  code: (body) => (typeof (JSON.parse(body) as { detail: unknown }).detail === 'string' ? '' : 'no detail'),
  codeOf: () => '',
}

/** Every way there is. */
export const ways: readonly Way[] = [openai, platform, scaigrid, sgp]
