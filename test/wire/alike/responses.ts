import { type Alike, type Body, each, inside, isNothing, object, objects, without, withoutNulls } from './body.ts'

const opaque = new Set(['parameters', 'schema', 'metadata'])

/** Spellings of requests to the Responses API that say the same. */
export const responsesAlike: readonly Alike[] = [
  { why: 'null is what a field is that is not sent', apply: (body) => object(withoutNulls(body, opaque)) },
  {
    why: 'no list and an empty one ask for the same, and so do no description and an empty one',
    apply: (body) =>
      each(without(body, ['tools', 'include', 'metadata', 'reasoning', 'text'], isNothing), 'tools', plainTool),
  },
  {
    why: 'an answer is whole unless `stream` is true',
    apply: (body) => without(body, ['stream'], (flag) => flag === false),
  },
  {
    why: 'the gateway keeps nothing, so a translated request asks for nothing to be kept unless it says so itself',
    apply: (body) => without(body, ['store'], (flag) => flag === false),
  },
  {
    why: 'reasoning is sealed for the next turn wherever nothing is kept, asked for or not',
    apply: (body) => {
      const { include, ...rest } = body
      const asked = (Array.isArray(include) ? include : []).filter((what) => what !== 'reasoning.encrypted_content')
      return asked.length === 0 ? rest : { ...rest, include: asked }
    },
  },
  {
    why: '`truncation: disabled` and `generate_summary` are a default and an older name',
    apply: (body) =>
      inside(
        without(body, ['truncation'], (word) => word === 'disabled'),
        'reasoning',
        ({ generate_summary: older, ...rest }) => (older === undefined ? rest : { summary: older, ...rest }),
      ),
  },
  { why: '`instructions` are a message of the system before all others', apply: fromInstructions },
  {
    why: 'a string is one part of text, a message without a type is one, and the id and status of an item name a stored copy',
    apply: (body) => each(body, 'input', plainItem),
  },
]

function plainTool(tool: Body): Body {
  if (tool['type'] !== 'function') return tool
  return { parameters: { type: 'object', properties: {} }, ...without(tool, ['description'], (text) => text === '') }
}

function fromInstructions({ instructions, ...body }: Body): Body {
  const given = body['input']
  const items = typeof given === 'string' ? [{ role: 'user', content: given }] : objects(given)
  const first = instructions === undefined || instructions === '' ? [] : [{ role: 'system', content: instructions }]
  return { ...body, input: [...first, ...items] }
}

function plainItem({ id, status, ...item }: Body): Body {
  switch (item['type']) {
    case undefined:
    case 'message': {
      const { type: _type, ...message } = item
      return { ...message, content: plainContent(item['content'], item['role'] === 'assistant') }
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { ...item, output: plainContent(item['output'], false) }
    case 'reasoning': {
      const { summary, content, ...sealed } = item
      const texts = [...objects(summary), ...objects(content)].map(({ text }) => text)
      return { ...sealed, text: texts.join('\n\n') }
    }
    case 'function_call':
    case 'custom_tool_call':
      return item
    default:
      return { ...item, ...(id !== undefined && { id }), ...(status !== undefined && { status }) }
  }
}

function plainContent(content: unknown, own: boolean): Body[] {
  const type = own ? 'output_text' : 'input_text'
  if (typeof content === 'string') return content === '' ? [] : [{ type, text: content }]
  return objects(content).map((part) => without(part, ['annotations', 'logprobs'], isNothing))
}
