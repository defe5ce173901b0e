import { anthropicClient } from '#provider'

type Messages = typeof anthropicClient

/** What Vertex AI calls the version of the format, in the body. */
const version = 'vertex-2023-10-16'

/** Anthropic's messages as Vertex AI takes them: the model in the path, below `models`, and the version in the body. */
export function claudeOnVertex(models: string): Messages {
  const { count } = anthropicClient
  return {
    ...anthropicClient,
    encodeChat(request, streaming, options) {
      const encoded = anthropicClient.encodeChat(request, streaming, options)
      const { model: _model, ...body } = JSON.parse(encoded.body) as Record<string, unknown>
      const method = streaming ? 'streamRawPredict' : 'rawPredict'
      return {
        ...encoded,
        path: `${models}/${encodeURIComponent(request.model)}:${method}`,
        body: JSON.stringify({ ...body, anthropic_version: version }),
      }
    },
    ...(count !== undefined && {
      count: {
        ...count,
        encodeCount(request, options) {
          const encoded = count.encodeCount(request, options)
          const body = JSON.parse(encoded.body) as Record<string, unknown>
          const path = `${models}/count-tokens:rawPredict`
          return { ...encoded, path, body: JSON.stringify({ ...body, anthropic_version: version }) }
        },
      },
    }),
  }
}
