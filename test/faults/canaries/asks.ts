/** One way to ask for chat over HTTP, with the prompt wherever that API has a place for it. */
export interface Ask {
  readonly name: string
  path(model: string, streaming: boolean): string
  body(model: string, streaming: boolean, prompt: string): object
  /** True where an answer has to repeat what was asked. */
  readonly repeats?: boolean
}

const pictureOf = (prompt: string): string => Buffer.from(prompt).toString('base64')
const tool = { type: 'object', properties: { city: { type: 'string' } } }

const openaiMessages = (prompt: string): object[] => [
  { role: 'system', content: `Keep to yourself: ${prompt}` },
  {
    role: 'user',
    content: [
      { type: 'text', text: prompt },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${pictureOf(prompt)}` } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id: 'call00000', type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city: prompt }) } },
    ],
  },
  { role: 'tool', tool_call_id: 'call00000', content: prompt },
]

const stream = (streaming: boolean): object => (streaming ? { stream: true } : {})
const plain = (content: string): object[] => [{ role: 'user', content }]

const openai: Ask = {
  name: 'openai',
  path: () => '/v1/chat/completions',
  body: (model, streaming, prompt) => ({
    model,
    messages: openaiMessages(prompt),
    tools: [{ type: 'function', function: { name: 'weather', description: prompt, parameters: tool } }],
    user: prompt,
    metadata: { note: prompt },
    ...stream(streaming),
  }),
}

const anthropic: Ask = {
  name: 'anthropic',
  path: () => '/v1/messages',
  body: (model, streaming, prompt) => ({
    model,
    max_tokens: 100,
    system: prompt,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: prompt },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pictureOf(prompt) } },
        ],
      },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call00000', name: 'weather', input: { city: prompt } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call00000', content: prompt }] },
    ],
    tools: [{ name: 'weather', description: prompt, input_schema: tool }],
    metadata: { user_id: prompt },
    ...stream(streaming),
  }),
}

const gemini: Ask = {
  name: 'gemini',
  path: (model, streaming) =>
    `/v1beta/models/${model}:${streaming ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  body: (_model, _streaming, prompt) => ({
    systemInstruction: { parts: [{ text: prompt }] },
    contents: [
      {
        role: 'user',
        parts: [{ text: prompt }, { inlineData: { mimeType: 'image/png', data: pictureOf(prompt) } }],
      },
      { role: 'model', parts: [{ functionCall: { name: 'weather', args: { city: prompt } } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: prompt } } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'weather', description: prompt, parameters: tool }] }],
  }),
}

const geminiArray: Ask = {
  ...gemini,
  name: 'gemini as an array',
  path: (model, streaming) => `/v1beta/models/${model}:${streaming ? 'streamGenerateContent' : 'generateContent'}`,
}

const responses: Ask = {
  name: 'responses',
  repeats: true,
  path: () => '/v1/responses',
  body: (model, streaming, prompt) => ({
    model,
    instructions: prompt,
    store: false,
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: prompt },
          { type: 'input_image', image_url: `data:image/png;base64,${pictureOf(prompt)}` },
        ],
      },
      { type: 'function_call', call_id: 'call00000', name: 'weather', arguments: JSON.stringify({ city: prompt }) },
      { type: 'function_call_output', call_id: 'call00000', output: prompt },
    ],
    metadata: { note: prompt },
    ...stream(streaming),
  }),
}

const platform: Ask = {
  name: 'platform',
  path: (_model, streaming) => `/api/v1/inference/chat${streaming ? '/stream' : ''}`,
  body: (model, _streaming, prompt) => ({ model, messages: plain(prompt) }),
}

const scaigrid: Ask = {
  name: 'scaigrid',
  path: () => '/v1/inference/chat',
  body: (model, streaming, prompt) => ({ model, messages: plain(prompt), ...stream(streaming) }),
}

const sgp: Ask = {
  name: 'sgp',
  path: () => '/v5/inference',
  body: (model, streaming, prompt) => ({ model, args: { messages: plain(prompt), ...stream(streaming) } }),
}

const connect: Ask = {
  name: 'connect',
  path: () => '/switchyard.v1.InferenceService/Chat',
  body: (model, _streaming, prompt) => ({
    model,
    messages: [{ role: 'ROLE_USER', parts: [{ text: { text: prompt } }] }],
    metadata: { note: prompt },
  }),
}

/** Every API there is for chat, over HTTP with JSON. */
export const asks: readonly Ask[] = [
  openai,
  anthropic,
  gemini,
  geminiArray,
  responses,
  platform,
  scaigrid,
  sgp,
  connect,
]

/** Where tokens are counted. */
export const counts: readonly Ask[] = [
  { ...anthropic, path: () => '/v1/messages/count_tokens' },
  { ...gemini, path: (model) => `/v1beta/models/${model}:countTokens` },
  { ...connect, path: () => '/switchyard.v1.InferenceService/CountTokens' },
]
