import { compatible, definePlugin, openaiClient } from '#provider'

/** A local or remote Ollama, through its endpoint that is compatible with OpenAI's chat completions. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'ollama',
    title: 'Ollama',
    baseUrl: 'http://127.0.0.1:11434',
    chatPath: '/v1/chat/completions',
    baseUrlVariable: {
      name: 'OLLAMA_HOST',
      toBaseUrl: (host) => (/^https?:/.test(host) ? host : `http://${host.includes(':') ? host : `${host}:11434`}`),
      enables: true,
    },
    options: { reasoningField: 'reasoning' },
  }),
)
