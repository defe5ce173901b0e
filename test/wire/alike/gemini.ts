import { Buffer } from 'node:buffer'
import { type Alike, type Body, each, inside, isNothing, object, objects, without } from './body.ts'

/** Data of the client's, whose names are not Google's. */
const opaque = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseSchema',
  'responseJsonSchema',
  'labels',
])

/** The body with Google's own names in lowerCamelCase, as `dropped` names them: it takes both spellings. */
export function camelCased(body: Body): Body {
  return object(camel(body))
}

function camel(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(camel)
  const members = Object.entries(value).map(([key, member]) => {
    const spelled = key.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
    return [spelled, opaque.has(spelled) ? member : camel(member)] as const
  })
  return Object.fromEntries(members)
}

/** Spellings of requests to Gemini that say the same, for a model that its path names. */
export function geminiAlike(model: string): readonly Alike[] {
  return [
    { why: 'null is what a field is that is not sent, and a part is no thought unless it says so', apply: said },
    { why: 'the path names the model', apply: (body) => without(body, ['model']) },
    {
      why: 'instructions have no role, empty ones say nothing, and one part needs no list',
      apply: instructions,
    },
    {
      why: 'turns of one role that follow each other are one, a turn without a role is the user’s, and empty text says nothing but what it is signed with',
      apply: (body) => ({ ...body, contents: turns(body['contents']) }),
    },
    {
      why: 'base64 has two alphabets',
      apply: (body) => each(body, 'contents', (turn) => each(turn, 'parts', plainPart)),
    },
    {
      why: 'newer models refuse a call of theirs without a signature; Google documents a stand-in for the missing one',
      apply: (body) => (/gemini-[3-9]/.test(model) ? each(body, 'contents', signed) : body),
    },
    {
      why: 'declarations in several lists are as many functions',
      apply: (body) => ({ ...body, tools: tools(body['tools']) }),
    },
    {
      why: 'a schema of OpenAPI and one of JSON Schema, and words in capitals and in small letters, mean the same',
      apply: schemas,
    },
    {
      why: 'what is empty asks for nothing; the tools are chosen freely, and thoughts not shown, unless it is said',
      apply: idle,
    },
  ]
}

function said(value: Body): Body {
  return object(saidIn(value))
}

function saidIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(saidIn)
  if (value === null || typeof value !== 'object') return value
  const given = Object.entries(value).filter(
    ([name, member]) => member !== null && !(name === 'thought' && member === false),
  )
  return Object.fromEntries(given.map(([name, member]) => [name, opaque.has(name) ? member : saidIn(member)]))
}

function instructions(body: Body): Body {
  const given = body['systemInstruction']
  const content = typeof given === 'string' ? { parts: { text: given } } : object(given)
  const parts = partsOf(content['parts']).filter(({ text }) => text !== '')
  return { ...body, systemInstruction: parts.length === 0 ? {} : { ...without(content, ['role']), parts } }
}

/** A list of one may be written without its brackets. */
function partsOf(parts: unknown): Body[] {
  return objects(Array.isArray(parts) || parts === undefined ? parts : [parts])
}

/** What results of functions are said by, and what need not be said. */
const usersOwn = new Set<unknown>(['', 'function', 'tool', 'user'])

function turns(contents: unknown): Body[] {
  const merged: { role: string; parts: Body[] }[] = []
  for (const { role: given, parts: all } of objects(Array.isArray(contents) ? contents : [contents])) {
    const role = usersOwn.has(given ?? '') ? 'user' : String(given)
    const parts = partsOf(all)
      .map((part) => (isOnlySigned(part) ? { text: '', ...part } : part))
      .filter((part) => part['text'] !== '' || part['thoughtSignature'] !== undefined)
    const last = merged.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else if (parts.length > 0) merged.push({ role, parts })
  }
  return merged
}

/** A signature, of a thought or not, that stands alone: the text it is on is empty. */
function isOnlySigned(part: Body): boolean {
  return (
    part['thoughtSignature'] !== undefined && Object.keys(without(part, ['thought', 'thoughtSignature'])).length === 0
  )
}

function plainPart(part: Body): Body {
  const plain = inside(part, 'inlineData', ({ data, ...blob }) => ({
    ...blob,
    data: Buffer.from(String(data), 'base64').toString('base64'),
  }))
  return inside(plain, 'functionResponse', (result) => each(result, 'parts', plainPart))
}

function signed(turn: Body): Body {
  const parts = objects(turn['parts'])
  const first = parts.findIndex((part) => part['functionCall'] !== undefined)
  const signature = 'skip_thought_signature_validator'
  return { ...turn, parts: parts.map((part, at) => (at === first ? { thoughtSignature: signature, ...part } : part)) }
}

function tools(given: unknown): Body[] {
  const functions = objects(given).flatMap(({ functionDeclarations }) => objects(functionDeclarations))
  const others = objects(given).flatMap(({ functionDeclarations: _functions, ...rest }) =>
    Object.entries(rest).map(([name, settings]) => ({ [name]: settings })),
  )
  return [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...others]
}

function schemas(body: Body): Body {
  const declared = each(body, 'tools', (tool) =>
    each(tool, 'functionDeclarations', ({ parameters, ...declaration }) => ({
      ...without(declaration, ['description'], (text) => text === ''),
      ...(parameters !== undefined && { parametersJsonSchema: jsonSchema(parameters) }),
    })),
  )
  return inside(declared, 'generationConfig', ({ responseSchema, ...config }) => ({
    ...inside(config, 'thinkingConfig', (thinking) => inCapitals(thinking, 'thinkingLevel')),
    ...(responseSchema !== undefined && { responseJsonSchema: jsonSchema(responseSchema) }),
  }))
}

function inCapitals(body: Body, name: string): Body {
  const word = body[name]
  return typeof word === 'string' ? { ...body, [name]: word.toUpperCase() } : body
}

/** JSON Schema of a schema of OpenAPI, whose types may be in capitals, and which has a flag for what may be null. */
function jsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(jsonSchema)
  if (schema === null || typeof schema !== 'object') return schema
  const { nullable, ...members } = schema as Body
  const entries = Object.entries(camelNames(members)).map(([name, member]) => [name, memberOf(name, member)] as const)
  const written = Object.fromEntries(entries)
  if (nullable !== true) return written
  return {
    ...written,
    type: [written['type'], 'null'],
    ...(Array.isArray(written['enum']) && { enum: [...written['enum'], null] }),
  }
}

/** Google's names for the fields of a schema, in either spelling. */
function camelNames(members: Body): Body {
  return Object.fromEntries(
    Object.entries(members).map(([name, member]) => [
      name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
      member,
    ]),
  )
}

/** Types by their number in Google's definition of the messages. */
const types = ['', 'string', 'number', 'integer', 'boolean', 'array', 'object', 'null']

function memberOf(name: string, member: unknown): unknown {
  if (name === 'type' && typeof member === 'number') return types[member]
  if (name === 'type' && typeof member === 'string') return member.toLowerCase()
  if (name === 'properties')
    return Object.fromEntries(Object.entries(object(member)).map(([key, one]) => [key, jsonSchema(one)]))
  return name === 'items' || name === 'anyOf' ? jsonSchema(member) : member
}

function idle(body: Body): Body {
  const config = inside(body, 'generationConfig', (all) =>
    without(
      inside(all, 'thinkingConfig', (thinking) => without(thinking, ['includeThoughts'], (flag) => flag === false)),
      ['thinkingConfig', 'stopSequences', 'responseModalities'],
      isNothing,
    ),
  )
  const chosen = inside(config, 'toolConfig', (all) =>
    without(
      inside(all, 'functionCallingConfig', (choice) =>
        without(inCapitals(choice, 'mode'), ['allowedFunctionNames'], isNothing),
      ),
      ['functionCallingConfig'],
      isNothing,
    ),
  )
  return without(chosen, ['tools', 'toolConfig', 'generationConfig', 'systemInstruction'], isNothing)
}
