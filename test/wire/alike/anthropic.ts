import { type Alike, type Body, each, inside, isNothing, object, objects, without, withoutNulls } from './body.ts'

const opaque = new Set(['input', 'input_schema', 'schema'])

/** Spellings of messages that say the same. */
export const anthropicAlike: readonly Alike[] = [
  { why: 'null is what a field is that is not sent', apply: (body) => object(withoutNulls(body, opaque)) },
  {
    why: 'no list of tools and an empty one ask for the same, and so do no description and an empty one',
    apply: (body) =>
      each(without(body, ['tools', 'system', 'stop_sequences', 'output_config'], isNothing), 'tools', plainTool),
  },
  {
    why: 'an answer is whole unless `stream` is true',
    apply: (body) => without(body, ['stream'], (flag) => flag === false),
  },
  {
    why: 'where the body says the version of the format, it is for the plugin of that vendor to say',
    apply: (body) => without(body, ['anthropic_version']),
  },
  { why: '`output_format` is the older place of `output_config.format`', apply: fromOutputFormat },
  {
    why: 'the contract has one word for effort and for thinking as the model likes, so that one brings the other',
    apply: (body) =>
      object(body['output_config'])['effort'] === undefined || body['thinking'] !== undefined
        ? body
        : { ...body, thinking: { type: 'adaptive' } },
  },
  {
    why: 'a string is one block of text; an empty text is refused; a result is no error unless it says so, and a call is made by the model itself',
    apply: (body) => ({
      ...each(body, 'messages', blocked),
      ...(body['system'] !== undefined && { system: blocks(body['system']) }),
    }),
  },
  {
    why: 'messages of one role that follow each other are one turn, as the reference says',
    apply: (body) => ({ ...body, messages: turns(objects(body['messages'])) }),
  },
]

function plainTool(tool: Body): Body {
  const { type, ...rest } = without(tool, ['description'], (text) => text === '')
  return inside(type === 'custom' || type === undefined ? rest : { ...rest, type }, 'input_schema', (schema) => ({
    type: 'object',
    ...schema,
  }))
}

function fromOutputFormat({ output_format: format, ...body }: Body): Body {
  if (format === undefined) return body
  return { ...body, output_config: { ...object(body['output_config']), format } }
}

function blocked(message: Body): Body {
  return { ...message, content: blocks(message['content']) }
}

function blocks(content: unknown): Body[] {
  const given = typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content)
  return given
    .map((block): Body => {
      const silent = without(block, ['is_error'], (flag) => flag === false)
      const plain = without(silent, ['caller'], (caller) => object(caller)['type'] === 'direct')
      if (plain['type'] !== 'tool_result' || plain['content'] === undefined) return plain
      const inner = blocks(plain['content'])
      return inner.length === 0 ? without(plain, ['content']) : { ...plain, content: inner }
    })
    .filter((block) => !(block['type'] === 'text' && block['text'] === ''))
}

function turns(messages: readonly Body[]): Body[] {
  const merged: Body[] = []
  for (const message of messages) {
    const last = merged.at(-1)
    if (last?.['role'] === message['role'] && last !== undefined)
      last['content'] = [...objects(last['content']), ...objects(message['content'])]
    else merged.push({ ...message })
  }
  return merged
}
