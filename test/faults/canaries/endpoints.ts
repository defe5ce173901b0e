import type { UpstreamScript } from '../../e2e/sdk-matrix/script.ts'
import { asText, type JsonMap } from '../../wire/case.ts'

/** What an upstream says, as the formats of chats have it. */
export type Script = Pick<UpstreamScript, 'whole' | 'stream' | 'streamType'>

/** A request as it is to be answered. */
interface Asked {
  readonly script: Script
  readonly streaming: boolean
  readonly isBytes: boolean
  /** What is to happen: the name of a behaviour. */
  readonly behaviour: string
}

/** One endpoint beside chats: what a good answer of it is. */
interface Endpoint {
  readonly path: RegExp
  /** A whole answer that says so much. */
  readonly whole: (text: string, path: string, model: string) => object
  /** Bytes that are sent as they come, of this type, in the place of a whole answer. */
  readonly bytes?: string
}

const picture = (text: string): string => Buffer.from(text).toString('base64')

/** A job: as it is begun, with an id that says what becomes of it, and as it is when it is looked at. */
function job(text: string, path: string, model: string): object {
  const begun = path.endsWith('/videos')
  const id = begun ? `video_${model.replace('later-', '')}` : asText(path.split('/').at(-1))
  const film = { id, object: 'video', progress: 50, seconds: '4', size: '320x180' }
  if (begun) return { ...film, status: 'queued' }
  if (id === 'video_failing') return { ...film, status: 'failed', error: { code: text, message: `no film of ${text}` } }
  return { ...film, status: 'completed' }
}

const endpoints: readonly Endpoint[] = [
  {
    path: /\/embeddings$|:embedContent$|:batchEmbedContents$|\/v2\/embed$|\/api\/embed$/,
    whole: () => ({
      data: [{ index: 0, embedding: [0.5, 0.5] }],
      embedding: { values: [0.5, 0.5] },
      embeddings: [{ values: [0.5, 0.5] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    }),
  },
  {
    path: /\/images\/generations$/,
    whole: (text) => ({ created: 1, data: [{ b64_json: picture(text), revised_prompt: text }], usage: {} }),
  },
  { path: /\/audio\/speech$/, whole: () => ({}), bytes: 'audio/mpeg' },
  {
    path: /\/audio\/(?:transcriptions|translations)$/,
    whole: (text) => ({ text, language: text, duration: 1, segments: [{ id: 0, start: 0, end: 1, text }], usage: {} }),
  },
  { path: /\/videos\/[^/]+\/content$/, whole: () => ({}), bytes: 'video/mp4' },
  { path: /\/videos(?:\/[^/]+)?$/, whole: job },
  {
    path: /\/moderations$/,
    whole: (text) => ({ id: 'modr', results: [{ flagged: true, categories: { [text]: true } }] }),
  },
  { path: /\/rerank$/, whole: (text) => ({ id: text, results: [{ index: 0, relevance_score: 0.5, document: text }] }) },
  {
    path: /\/v1\/completions$|\/openai\/completions$|^\/completions$/,
    whole: (text) => ({ id: 'c', choices: [{ index: 0, text, finish_reason: 'stop' }], usage: { prompt_tokens: 3 } }),
  },
]

/** How a request is answered: one of another endpoint than chats by that, any other in the format's own words. */
export function askedOf(format: UpstreamScript, url: string, body: JsonMap): Asked {
  const [path = ''] = url.split('?', 1)
  const model = asText(body['model']) || format.model(url, body)
  const endpoint = endpoints.find((one) => one.path.test(path))
  if (endpoint === undefined)
    return { script: format, streaming: format.streams(url, body), isBytes: false, behaviour: behaviourOf(path, model) }
  const { whole, bytes } = endpoint
  return {
    streaming: bytes !== undefined || body['stream'] === true,
    isBytes: bytes !== undefined,
    behaviour: behaviourOf(path, model),
    script: {
      whole: ({ text }) => whole(text, path, model),
      stream: ({ text }) =>
        Buffer.from(
          bytes === undefined ? `data: ${JSON.stringify(whole(text, path, model))}\n\ndata: [DONE]\n\n` : text,
        ),
      streamType: bytes ?? 'text/event-stream',
    },
  }
}

/**
 * What is to happen, by the model's name, or that of a job. A name that tells what the model is for begins with that word, and one that
 * begins with `later-` goes well until its job is looked at.
 */
function behaviourOf(path: string, model: string): string {
  const [, id] = /\/videos\/video_([^/?]+)/.exec(path) ?? []
  if (id !== undefined) return id === 'failing' ? 'well' : id
  return model.startsWith('later-') ? 'well' : model.replace(/^(?:moderation|rerank)-/, '')
}
