import Anthropic, { RateLimitError as AnthropicRateLimit } from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI, type GenerateContentResponse } from '@google/genai'
import OpenAI, { RateLimitError } from 'openai'
import { connectNode, grpcJs } from './contract-clients.ts'
import { json, type MatrixClient, tools, unlimited, words } from './turn.ts'

const key = 'any'

function openaiChat(origin: string): MatrixClient {
  const sdk = new OpenAI({ apiKey: key, baseURL: `${origin}/v1`, maxRetries: 0 })
  return {
    stop: 'stop',
    called: 'tool_calls',
    async ask({ model, streaming, answered = [] }) {
      const calls = answered.map(({ call }) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: JSON.stringify(call.input) },
      }))
      const history: OpenAI.ChatCompletionMessageParam[] = [
        { role: 'user', content: words },
        ...(calls.length > 0 ? [{ role: 'assistant' as const, content: null, tool_calls: calls }] : []),
        ...answered.map(({ call, result }) => ({ role: 'tool' as const, tool_call_id: call.id, content: result })),
      ]
      const body = {
        model,
        messages: history,
        tools: tools.map(({ schema: parameters, ...tool }) => ({
          type: 'function' as const,
          function: { ...tool, parameters },
        })),
      }
      const answer = streaming
        ? await sdk.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
        : await sdk.chat.completions.create(body)
      const [choice] = answer.choices
      return {
        text: choice?.message.content ?? '',
        calls: (choice?.message.tool_calls ?? []).flatMap((call) =>
          call.type === 'function'
            ? [{ id: call.id, name: call.function.name, input: json(call.function.arguments) }]
            : [],
        ),
        finish: choice?.finish_reason,
        usage: [answer.usage?.prompt_tokens, answer.usage?.completion_tokens],
      }
    },
    waitOf: openaiWait,
  }
}

const openaiWait = (thrown: unknown): string | null =>
  thrown instanceof RateLimitError ? thrown.headers.get('retry-after') : unlimited(thrown)

function openaiResponses(origin: string): MatrixClient {
  const sdk = new OpenAI({ apiKey: key, baseURL: `${origin}/v1`, maxRetries: 0 })
  return {
    stop: 'completed',
    called: 'completed',
    async ask({ model, streaming, answered = [] }) {
      const body = {
        model,
        store: false,
        input: [
          { role: 'user' as const, content: words },
          ...answered.map(({ call }) => ({
            type: 'function_call' as const,
            call_id: call.id,
            name: call.name,
            arguments: JSON.stringify(call.input),
          })),
          ...answered.map(({ call, result }) => ({
            type: 'function_call_output' as const,
            call_id: call.id,
            output: result,
          })),
        ],
        tools: tools.map(({ schema: parameters, ...tool }) => ({
          type: 'function' as const,
          strict: false,
          ...tool,
          parameters,
        })),
      }
      const answer = streaming
        ? await sdk.responses.stream(body).finalResponse()
        : await sdk.responses.create({ ...body, stream: false })
      return {
        text: answer.output_text,
        calls: answer.output.flatMap((item) =>
          item.type === 'function_call' ? [{ id: item.call_id, name: item.name, input: json(item.arguments) }] : [],
        ),
        finish: answer.status,
        usage: [answer.usage?.input_tokens, answer.usage?.output_tokens],
      }
    },
    waitOf: openaiWait,
  }
}

function anthropic(origin: string): MatrixClient {
  const sdk = new Anthropic({ apiKey: key, baseURL: origin, maxRetries: 0 })
  return {
    stop: 'end_turn',
    called: 'tool_use',
    async ask({ model, streaming, answered = [] }) {
      const calls = answered.map(({ call }) => ({ type: 'tool_use' as const, ...call }))
      const results = answered.map(({ call, result }) => ({
        type: 'tool_result' as const,
        tool_use_id: call.id,
        content: result,
      }))
      const body = {
        model,
        max_tokens: 100,
        messages: [
          { role: 'user' as const, content: words },
          ...(calls.length > 0 ? [{ role: 'assistant' as const, content: calls }] : []),
          ...(calls.length > 0 ? [{ role: 'user' as const, content: results }] : []),
        ],
        tools: tools.map(({ schema: input_schema, ...tool }) => ({ ...tool, input_schema })),
      }
      const answer = streaming ? await sdk.messages.stream(body).finalMessage() : await sdk.messages.create(body)
      return {
        text: answer.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
        calls: answer.content.flatMap((block) =>
          block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
        ),
        finish: answer.stop_reason,
        usage: [answer.usage.input_tokens, answer.usage.output_tokens],
      }
    },
    waitOf: (thrown) => (thrown instanceof AnthropicRateLimit ? thrown.headers?.get('retry-after') : unlimited(thrown)),
  }
}

function genai(origin: string): MatrixClient {
  const sdk = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin } })
  return {
    stop: 'STOP',
    called: 'STOP',
    async ask({ model, streaming, answered = [] }) {
      const calls = answered.map(({ call }) => ({
        functionCall: {
          ...(call.id !== '' && { id: call.id }),
          name: call.name,
          args: call.input as Record<string, unknown>,
        },
      }))
      const results = answered.map(({ call, result }) => ({
        functionResponse: {
          ...(call.id !== '' && { id: call.id }),
          name: call.name,
          response: { output: result },
        },
      }))
      const body = {
        model,
        contents: [
          { role: 'user', parts: [{ text: words }] },
          ...(calls.length > 0 ? [{ role: 'model', parts: calls }] : []),
          ...(calls.length > 0 ? [{ role: 'user', parts: results }] : []),
        ],
        config: {
          tools: [
            {
              functionDeclarations: tools.map(({ schema: parametersJsonSchema, ...tool }) => ({
                ...tool,
                parametersJsonSchema,
              })),
            },
          ],
        },
      }
      const chunks: GenerateContentResponse[] = []
      if (streaming) for await (const chunk of await sdk.models.generateContentStream(body)) chunks.push(chunk)
      else chunks.push(await sdk.models.generateContent(body))
      const parts = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
      const usage = chunks.at(-1)?.usageMetadata
      return {
        text: parts.map(({ text }) => text ?? '').join(''),
        calls: parts.flatMap(({ functionCall: call }) =>
          call === undefined ? [] : [{ id: call.id ?? '', name: call.name ?? '', input: call.args }],
        ),
        finish: chunks.at(-1)?.candidates?.[0]?.finishReason,
        usage: [usage?.promptTokenCount, usage?.candidatesTokenCount],
      }
    },
    // The SDK keeps no headers: what it shows is the body, where the time to wait is a duration.
    waitOf: (thrown) =>
      thrown instanceof ApiError && thrown.status === 429
        ? /retryDelay"?:\s*"(\d+)s/.exec(thrown.message.replaceAll('\\', ''))?.[1]
        : unlimited(thrown),
  }
}

/** The clients, by the name of their package. */
export const matrixClients: Readonly<Record<string, (origin: string) => MatrixClient>> = {
  'openai chat': openaiChat,
  'openai responses': openaiResponses,
  '@anthropic-ai/sdk': anthropic,
  '@google/genai': genai,
  'connect-node': connectNode,
  '@grpc/grpc-js': grpcJs,
}
