import { Buffer } from 'node:buffer'

type Json = Record<string, unknown>

/** The body without the members at these paths (`a.b[0].c`), in whichever spelling it has them. */
export function without(body: unknown, paths: readonly string[]): Json {
  const copy = camel(structuredClone(body), '') as Json
  for (const path of paths) {
    const steps = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.')
    const last = steps.pop() ?? ''
    const parent = steps.reduce<unknown>((node, step) => (node as Json | undefined)?.[step], copy)
    if (parent !== undefined) delete (parent as Json)[last]
  }
  return copy
}

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

function camel(value: unknown, name: string): unknown {
  if (opaque.has(name) || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((one) => camel(one, name))
  const members = given(value).map(([key, member]) => {
    const spelled = key.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
    return [spelled, camel(member, spelled)] as const
  })
  return Object.fromEntries(members)
}

/** The members that say something: null is nothing, and so is that a part is no thought. */
function given(value: object): [string, unknown][] {
  return Object.entries(value).filter(([key, member]) => member !== null && !(key === 'thought' && member === false))
}

/**
 * A request to Gemini in the one form that a translated request has: no model in the body, turns of one role merged and with
 * their role, instructions as parts alone, one list of functions before other tools, schemas as JSON Schema, levels in capitals,
 * nothing that is empty or null, base64 in its usual alphabet, and on models that want them a stand-in for signatures that are missing.
 */
export function normalForm(body: Json, model: string): Json {
  const { model: _model, contents, systemInstruction, tools, toolConfig, generationConfig, ...rest } = body
  return dropEmpty({
    ...rest,
    contents: turnsOf(contents, /gemini-[3-9]/.test(model)),
    systemInstruction: systemInstruction && { parts: (systemInstruction as Json)['parts'] },
    tools: toolsOf((tools ?? []) as Json[]),
    toolConfig: choiceOf((toolConfig ?? {}) as Json),
    generationConfig: configOf((generationConfig ?? {}) as Json),
  })
}

function dropEmpty(value: Json): Json {
  const kept = Object.entries(value).filter(
    ([, member]) => member != null && !(typeof member === 'object' && Object.keys(member).length === 0),
  )
  return Object.fromEntries(kept)
}

function turnsOf(contents: unknown, signed: boolean): Json[] {
  const turns: { role: string; parts: Json[] }[] = []
  for (const content of (Array.isArray(contents) ? contents : [contents]) as Json[]) {
    const role = content['role'] === 'model' ? 'model' : 'user'
    const parts = ((content['parts'] ?? []) as Json[])
      .map(partOf)
      .filter((part) => part['text'] !== '' || part['thoughtSignature'])
    const last = turns.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else turns.push({ role, parts })
  }
  for (const { parts } of signed ? turns : []) {
    const first = parts.find((part) => part['functionCall'] !== undefined)
    if (first !== undefined) first['thoughtSignature'] ??= 'skip_thought_signature_validator'
  }
  return turns
}

function partOf(part: Json): Json {
  const { inlineData, functionResponse, ...rest } = part
  const media = inlineData as Json | undefined
  const result = functionResponse as Json | undefined
  return {
    ...rest,
    ...(media && { inlineData: { ...media, data: plainBase64(media['data']) } }),
    ...(result && {
      functionResponse: {
        ...result,
        ...(result['parts'] !== undefined && { parts: (result['parts'] as Json[]).map(partOf) }),
      },
    }),
  }
}

function plainBase64(data: unknown): string {
  return Buffer.from(String(data), 'base64').toString('base64')
}

function toolsOf(tools: readonly Json[]): Json[] {
  const functions = tools.flatMap(({ functionDeclarations }) => (functionDeclarations ?? []) as Json[])
  const others = tools.flatMap(({ functionDeclarations: _functions, ...rest }) =>
    Object.entries(rest).map(([name, settings]) => ({ [name]: settings })),
  )
  const declarations = functions.map(({ parameters, description, ...rest }) => ({
    ...rest,
    ...(description !== undefined && description !== '' && { description }),
    ...(parameters !== undefined && { parametersJsonSchema: lowerTypes(parameters) }),
  }))
  return [...(declarations.length > 0 ? [{ functionDeclarations: declarations }] : []), ...others]
}

function choiceOf({ functionCallingConfig, ...rest }: Json): Json {
  return dropEmpty({ ...rest, functionCallingConfig: dropEmpty((functionCallingConfig ?? {}) as Json) })
}

function configOf({ responseSchema, thinkingConfig, ...rest }: Json): Json {
  const { thinkingLevel, ...thinking } = (thinkingConfig ?? {}) as Json
  const level = typeof thinkingLevel === 'string' ? { thinkingLevel: thinkingLevel.toUpperCase() } : {}
  return dropEmpty({
    ...rest,
    ...(responseSchema !== undefined && { responseJsonSchema: lowerTypes(responseSchema) }),
    thinkingConfig: { ...thinking, ...level },
  })
}

/** The recorded schemas use nothing else of OpenAPI that JSON Schema spells differently. */
function lowerTypes(schema: unknown): unknown {
  return JSON.parse(
    JSON.stringify(schema).replaceAll(/"type":"([A-Z]+)"/g, (_all, word: string) => `"type":"${word.toLowerCase()}"`),
  )
}
