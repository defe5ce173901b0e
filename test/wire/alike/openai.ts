import { type Alike, type Body, each, inside, isNothing, object, without, withoutNulls } from './body.ts'

const opaque = new Set(['parameters', 'schema', 'metadata', 'logit_bias'])

/** Spellings of chat completions that say the same. */
export const openaiAlike: readonly Alike[] = [
  { why: 'null is what a field is that is not sent', apply: (body) => object(withoutNulls(body, opaque)) },
  {
    why: 'no list and an empty one ask for the same, and so do no description and an empty one',
    apply: (body) =>
      each(without(body, ['tools', 'functions', 'stop', 'metadata', 'logit_bias'], isNothing), 'tools', (tool) =>
        inside(tool, 'function', undescribed),
      ),
  },
  {
    why: 'a schema for the answer has a name, which the contract gives it where the client did not, and no description where that is empty',
    apply: (body) =>
      inside(body, 'response_format', (format) =>
        inside(format, 'json_schema', (schema) => ({ name: 'answer', ...undescribed(schema) })),
      ),
  },
  {
    why: 'an answer is whole unless `stream` is true; a stream is always asked to tell its usage',
    apply: (body) =>
      without(
        without(body, ['stream'], (flag) => flag === false),
        ['stream_options'],
      ),
  },
  {
    why: '`max_tokens` is the older name of `max_completion_tokens`',
    apply: ({ max_tokens: older, ...body }) =>
      older === undefined ? body : { ...body, max_completion_tokens: body['max_completion_tokens'] ?? older },
  },
  {
    why: 'no calls and an empty list of them are the same',
    apply: (body) => each(body, 'messages', (message) => without(message, ['tool_calls'], isNothing)),
  },
  { why: 'one word to stop at is a list of one', apply: (body) => listed(body, 'stop') },
  { why: '`functions` and `function_call` are the older form of `tools` and `tool_choice`', apply: fromFunctions },
  {
    why: 'a tool or a call without a type is a function',
    apply: (body) => each(calls(body, typed), 'tools', typed),
  },
  {
    why: '`any` is one vendor’s word for `required`, which it takes as well',
    apply: (body) => (body['tool_choice'] === 'any' ? { ...body, tool_choice: 'required' } : body),
  },
  {
    why: 'a choice of one tool may be as flat as in other formats, as one vendor takes it',
    apply: (body) => inside(body, 'tool_choice', nestedChoice),
  },
  {
    why: 'a URL is an image, a string of bytes is sound in the commonest format, as vendors have it who take no object there',
    apply: (body) => each(body, 'messages', (message) => each(message, 'content', plainMedia)),
  },
  { why: 'a string is one part of text', apply: (body) => each(body, 'messages', plainContent) },
  {
    why: 'earlier reasoning goes back in the field that the vendor has for it',
    apply: (body) => each(body, 'messages', plainReasoning),
  },
]

function undescribed(one: Body): Body {
  return without(one, ['description'], (text) => text === '')
}

function nestedChoice({ type, name, ...choice }: Body): Body {
  if (name === undefined) return { type, ...choice }
  return { type: 'function', function: { name } }
}

function listed(body: Body, name: string): Body {
  return typeof body[name] === 'string' ? { ...body, [name]: [body[name]] } : body
}

function fromFunctions({ functions, function_call: choice, ...body }: Body): Body {
  const named = typeof choice === 'object' ? { type: 'function', function: choice } : choice
  return {
    ...body,
    ...(Array.isArray(functions) && { tools: functions.map((one) => ({ type: 'function', function: object(one) })) }),
    ...(named !== undefined && { tool_choice: named }),
  }
}

function calls(body: Body, change: (call: Body) => Body): Body {
  return each(body, 'messages', (message) => each(message, 'tool_calls', change))
}

function typed(one: Body): Body {
  return one['type'] === undefined ? { ...one, type: 'function' } : one
}

function plainMedia(part: Body): Body {
  const { image_url: image, input_audio: sound } = part
  if (typeof image === 'string') return { ...part, image_url: { url: image } }
  if (typeof sound !== 'string' || /^(?:https?|data):/i.test(sound)) return part
  return { ...part, input_audio: { data: sound, format: 'wav' } }
}

/** Content as a string where it is one text and nothing else; none at all where it is empty. */
function plainContent({ content, ...message }: Body): Body {
  if (isNothing(content) || content === '') return message
  const [only, ...more] = Array.isArray(content) ? content.map(object) : []
  const plain = only?.['type'] === 'text' && more.length === 0 && Object.keys(only).length === 2
  return { ...message, content: plain ? only['text'] : content }
}

function plainReasoning({ reasoning, reasoning_content: other, ...message }: Body): Body {
  const text = other ?? reasoning
  return text === undefined || text === '' ? message : { ...message, reasoning: text }
}
