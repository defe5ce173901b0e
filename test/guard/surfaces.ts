import { globSync, readFileSync } from 'node:fs'
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { serverDialects } from '../../src/dialects/servers.ts'
import { openApiDocument } from '../../src/server/openapi.ts'
import { services } from '../../src/server/policy.ts'

/** A place in a request where a client may name a URL that the gateway reads. */
export interface Surface {
  /** The route, and where in its body the URL stands: `POST /v1/messages .messages[].content[].source.url`. */
  readonly name: string
  readonly path: string
  readonly body: (url: string) => JsonObject
  /** True where the URL is read later: what is refused then is the job, by its state. */
  readonly isJob: boolean
}

type Build = (url: string) => JsonObject

/** Targets that take pictures as bytes alone, that take sound and files so, and that count. */
const [pictures, others, counting] = ['ollama/m', 'openai/m', 'vertex/claude-m']

const chat = (model: string, content: JsonValue): JsonObject => ({ model, messages: [{ role: 'user', content }] })
const openai = {
  picture: (url: string) => chat(pictures, [{ type: 'image_url', image_url: { url } }]),
  bare: (url: string) => chat(pictures, [{ type: 'image_url', image_url: url }]),
  sound: (url: string) => chat(others, [{ type: 'input_audio', input_audio: url }]),
  file: (url: string) => chat(others, [{ type: 'file', file: { file_data: url, filename: 'a.pdf' } }]),
}
const inArgs = (body: JsonObject): JsonObject => ({
  model: body['model'] ?? '',
  args: { messages: body['messages'] ?? [] },
})

const block = (type: string, url: string): JsonObject => ({ type, source: { type: 'url', url } })
const anthropic = {
  picture: (model: string) => (url: string) => chat(model, [block('image', url)]),
  document: (url: string) => chat(counting, [block('document', url)]),
  result: (url: string) => chat(pictures, [{ type: 'tool_result', tool_use_id: 'c', content: [block('image', url)] }]),
  system: (model: string) => (url: string) => ({ ...chat(model, 'Look'), system: [block('image', url)] }),
}
const limited =
  (build: Build): Build =>
  (url) => ({ max_tokens: 9, ...build(url) })

const linked = (fileUri: string, mimeType: string): JsonObject => ({ fileData: { fileUri, mimeType } })
const answer = (piece: JsonObject): JsonObject => ({ functionResponse: { name: 'look', response: {}, parts: [piece] } })
const turn = (part: JsonObject): JsonObject => ({ contents: [{ role: 'user', parts: [part] }] })
const instructed = (part: JsonObject): JsonObject => ({
  ...turn({ text: 'Look' }),
  systemInstruction: { parts: [part] },
})
const asked = (body: JsonObject): JsonObject => ({ generateContentRequest: { model: `models/${counting}`, ...body } })
const picture = (url: string): JsonObject => linked(url, 'image/png')

const item = (model: string, content: JsonObject): JsonObject => ({
  model,
  input: [{ role: 'user', content: [content] }],
})

const message = (model: string, part: JsonObject): JsonObject => ({
  model,
  messages: [{ role: 'ROLE_USER', parts: [part] }],
})
const piece =
  (model: string, kind: string): Build =>
  (url) =>
    message(model, { [kind]: { url } })
const result = (url: string): JsonObject =>
  message(pictures, { toolResult: { toolCallId: 'c', parts: [{ image: { url } }] } })

/** A body for every place. Where one place takes several kinds of things, what it takes stands behind `#`. */
const builds: Readonly<Record<string, Readonly<Record<string, Build>>>> = {
  '/v1/chat/completions': {
    '.messages[].content[].image_url': openai.bare,
    '.messages[].content[].image_url.url': openai.picture,
    '.messages[].content[].input_audio': openai.sound,
    '.messages[].content[].file.file_data': openai.file,
  },
  '/v1/messages': {
    '.messages[].content[].source.url': limited(anthropic.picture(pictures)),
    '.messages[].content[].source.url#document': limited(anthropic.document),
    '.messages[].content[].content[].source.url': limited(anthropic.result),
    '.system[].source.url': limited(anthropic.system(pictures)),
  },
  '/v1/messages/count_tokens': {
    '.messages[].content[].source.url': anthropic.picture(counting),
    '.system[].source.url': anthropic.system('gemini/m'),
  },
  '/v1/responses': {
    '.input[].content[].image_url': (url) => item(pictures, { type: 'input_image', image_url: url }),
    '.input[].content[].file_url': (url) => item(others, { type: 'input_file', file_url: url, filename: 'a.pdf' }),
  },
  ...Object.fromEntries(
    ['/v1beta', '/v1'].flatMap((version) => {
      const whole: Readonly<Record<string, Build>> = {
        '.contents[].parts[].fileData.fileUri': (url) => turn(picture(url)),
        '.contents[].parts[].functionResponse.parts[].fileData.fileUri': (url) => turn(answer(picture(url))),
        '.systemInstruction.parts[].fileData.fileUri': (url) => instructed(picture(url)),
        '.systemInstruction.parts[].functionResponse.parts[].fileData.fileUri': (url) =>
          instructed(answer(picture(url))),
      }
      const counts: Readonly<Record<string, Build>> = {
        '.contents[].parts[].fileData.fileUri': (url) => turn(picture(url)),
        '.contents[].parts[].functionResponse.parts[].fileData.fileUri': (url) => turn(answer(picture(url))),
      }
      const inside = Object.entries(whole).map(
        ([pointer, build]) => [`.generateContentRequest${pointer}`, (url: string) => asked(build(url))] as const,
      )
      const kinds: Readonly<Record<string, Build>> = {
        '.contents[].parts[].fileData.fileUri#audio': (url) => turn(linked(url, 'audio/wav')),
        '.contents[].parts[].fileData.fileUri#file': (url) => turn(linked(url, 'application/pdf')),
      }
      return [
        [`${version}/models/{path}:generateContent`, { ...whole, ...kinds }],
        [`${version}/models/{path}:streamGenerateContent`, whole],
        [`${version}/models/{path}:countTokens`, { ...counts, ...Object.fromEntries(inside) }],
      ]
    }),
  ),
  ...Object.fromEntries(
    ['/api/v1/inference/chat', '/api/v1/inference/chat/stream'].map((path) => [
      path,
      {
        '.messages[].content[].url': (url: string) => chat(pictures, [{ type: 'image', url }]),
        '.messages[].content[].url#audio': (url: string) => chat(others, [{ type: 'audio', url }]),
      },
    ]),
  ),
  '/v1/inference/chat': {
    '.messages[].content[].image_url.url': openai.picture,
    '.messages[].content[].audio_url.url': (url) => chat(others, [{ type: 'audio_url', audio_url: { url } }]),
  },
  '/v5/inference': {
    '.args.messages[].content[].image_url': (url) => inArgs(openai.bare(url)),
    '.args.messages[].content[].image_url.url': (url) => inArgs(openai.picture(url)),
    '.args.messages[].content[].input_audio': (url) => inArgs(openai.sound(url)),
    '.args.messages[].content[].file.file_data': (url) => inArgs(openai.file(url)),
  },
  '/switchyard.v1.InferenceService/Chat': {
    '.messages[].parts[].image.url': piece(pictures, 'image'),
    '.messages[].parts[].audio.url': piece(others, 'audio'),
    '.messages[].parts[].file.url': piece(others, 'file'),
    '.messages[].parts[].toolResult.parts[].image.url': result,
  },
  '/switchyard.v1.InferenceService/CountTokens': {
    '.messages[].parts[].image.url': piece(counting, 'image'),
    '.messages[].parts[].audio.url': piece('gemini/m', 'audio'),
    '.messages[].parts[].file.url': piece(counting, 'file'),
  },
}

/** Bodies of what is read later. */
const jobs: typeof builds = {
  '/v1/batches': {
    '.input_file_id': (url) => ({ input_file_id: url, endpoint: '/v1/chat/completions', completion_window: '24h' }),
  },
  '/v1/inference/batch': { '.input_file_url': (url) => ({ input_file_url: url }) },
  '/switchyard.v1.BatchService/CreateBatch': { '.input': (url) => ({ input: url }) },
}

/** The model that a path names, by what the body holds. */
function modelFor(path: string, pointer: string): string {
  if (path.endsWith(':countTokens')) return counting
  return /#(?:audio|file)$/.test(pointer) ? others : pictures
}

/** Every surface. Paths that begin with `/v1/models` are another name of those of `/v1beta`. */
export const surfaces: readonly Surface[] = [builds, jobs].flatMap((table) =>
  Object.entries(table).flatMap(([path, places]) =>
    Object.entries(places).map(([pointer, body]) => ({
      name: `${path} ${pointer}`,
      path: path.replace('{path}', modelFor(path, pointer)),
      body,
      isJob: table === jobs,
    })),
  ),
)

/** Places that name a URL which the gateway never reads for a client, and why. */
const neverRead: readonly (readonly [RegExp, string])[] = [
  [/[eE]mbedContents? .*\.fileUri$/, 'vectors are made of texts alone: a file is refused'],
  [
    /\.input_reference\.image_url$|CreateVideo \.firstFrame\.url$/,
    'sent on to providers that read it themselves, and refused for others',
  ],
  [/\.baseUrl$/, 'where a provider is: the word of an operator, or of one who may register providers'],
  [/\.annotations\[\]\.url$/, 'what a model quoted'],
  [/ \.prediction[.[]/, 'what an answer is expected to repeat: words'],
]

/** Places of the published documents that could hold a URL, and are neither a surface nor known to be none. */
export function forgottenPlaces(): string[] {
  const known = new Set(surfaces.map(({ name }) => name.replace(/#.*/, '')))
  return placesOfUrls().filter((name) => !known.has(name) && !neverRead.some(([pattern]) => pattern.test(name)))
}

/** Names of members that hold URLs. */
const namesUrl = /ur[li]$/i

/** Every member of the body of a request, by its route, that is text and named like a URL: REST and RPC, as OpenAPI has them. */
export function placesOfUrls(): string[] {
  const document = openApiDocument({
    dialects: serverDialects,
    services: Object.values(services),
    version: '0',
  })
  const found = new Set<string>()
  for (const [path, operations] of members(document['paths'])) {
    for (const [, operation] of members(operations)) {
      const content = nodeOf(nodeOf(operation)['requestBody'])['content']
      for (const [, { schema }] of members(content) as [string, { schema: unknown }][])
        walk(schema, '', [], (pointer) => found.add(`${path} ${pointer}`), document)
    }
  }
  return [...found]
}

type Node = Readonly<Record<string, unknown>>

function nodeOf(value: unknown): Node {
  return value !== null && typeof value === 'object' ? (value as Node) : {}
}

function members(value: unknown): [string, unknown][] {
  return Object.entries(nodeOf(value))
}

function walk(
  schema: unknown,
  at: string,
  trail: readonly Node[],
  found: (pointer: string) => void,
  document: Node,
): void {
  const node = resolve(schema, document)
  if (schema === undefined || trail.includes(node)) return
  const inside = [...trail, node]
  for (const [name, member] of members(node['properties'])) {
    if (namesUrl.test(name) && takesText(member, document)) found(`${at}.${name}`)
    walk(member, `${at}.${name}`, inside, found, document)
  }
  walk(node['items'], `${at}[]`, inside, found, document)
  for (const list of ['anyOf', 'oneOf', 'allOf'])
    for (const [, one] of members(node[list])) walk(one, at, inside, found, document)
}

function resolve(schema: unknown, document: Node): Node {
  const node = nodeOf(schema)
  const reference = node['$ref']
  if (typeof reference !== 'string') return node
  const steps = reference.slice('#/'.length).split('/')
  return nodeOf(steps.reduce<unknown>((value, step) => nodeOf(value)[step.replaceAll('~1', '/')], document))
}

function takesText(schema: unknown, document: Node): boolean {
  const node = resolve(schema, document)
  const { type } = node
  if (type === 'string' || (Array.isArray(type) && type.includes('string'))) return true
  return ['anyOf', 'oneOf'].some((list) => members(node[list]).some(([, one]) => takesText(one, document)))
}

/** How often each folder of `src` makes a part of a URL that a client named, and reads one: not every body has a schema that tells. */
export function readersOfUrls(): Readonly<Record<string, number>> {
  const count = new Map<string, number>()
  for (const file of globSync('src/**/*.ts').filter((name) => !name.endsWith('.test.ts'))) {
    const text = readFileSync(file, 'utf8')
    const calls =
      text.match(/(?<!function )\b(?:linkedImage|linkedAudio|linkedFile|sendGuarded|fetchUrl)\(/g)?.length ?? 0
    const sources = /src\/dialects\/\w+\/decode-(?!answer)/.test(file) ? (text.match(/case: 'url'/g)?.length ?? 0) : 0
    if (calls + sources > 0) count.set(file, calls + sources)
  }
  return Object.fromEntries(count)
}
