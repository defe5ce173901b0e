import { mediaPath } from '../files/links.ts'
import type { Components, Json, Operation, Part } from './openapi-parts.ts'

/** The tag of what is no API: health, metrics, this document, and files by link. */
export const pagesPart: Part = { name: 'gateway', description: 'The gateway itself. None of it needs a key.' }

const errorName = 'gateway.error'

/** The operations of what is no API; their schemas and the error go to `components`. */
export function pageOperations(components: Components): Operation[] {
  components.schemas[errorName] = {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['reason', 'message'],
        properties: { reason: { type: 'string' }, message: { type: 'string' } },
      },
    },
  }
  components.responses[errorName] = {
    description: 'An error.',
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${errorName}` } } },
  }
  return [
    page('/livez', 'Whether the process runs', health),
    page('/readyz', 'Whether new calls are welcome', health, unwelcome),
    page('/healthz', 'Whether new calls are welcome', health, unwelcome),
    page('/metrics', 'Figures for a scraper, in the text format of Prometheus', { 'text/plain': { schema: text } }),
    page('/openapi.json', 'This document', {
      'application/json': { schema: { type: 'object', required: ['openapi'] } },
    }),
    linkedFile,
  ]
}

const text: Json = { type: 'string' }

const health: Json = {
  'application/json': {
    schema: { type: 'object', required: ['status'], properties: { status: { enum: ['ok', 'stopping'] } } },
  },
}

/** While the gateway stops. */
const unwelcome: Json = { 503: { description: 'The gateway is stopping.', content: health } }

const failure: Json = { $ref: `#/components/responses/${errorName}` }

function page(path: string, summary: string, content: Json, more: Json = {}): Operation {
  return {
    path,
    method: 'get',
    body: {
      operationId: `gateway_get_${path.replaceAll(/\W+/g, '_').replace(/^_/, '')}`,
      tags: [pagesPart.name],
      summary,
      security: [],
      parameters: [],
      responses: { 200: { description: 'The answer.', content }, ...more, '4XX': failure, '5XX': failure },
    },
  }
}

const linkedFile: Operation = {
  path: `${mediaPath}/{id}`,
  method: 'get',
  body: {
    operationId: 'gateway_get_media',
    tags: [pagesPart.name],
    summary: 'A file, by a link that an answer had in it',
    description: 'A link is whole as it was given, its query included, and ends. A range may be asked for.',
    security: [],
    parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
    responses: {
      200: {
        description: 'The file.',
        content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
      },
      '4XX': failure,
      '5XX': failure,
    },
  },
}
