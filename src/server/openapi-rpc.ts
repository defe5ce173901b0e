import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { isAnsweredOnce, isOffered, permissions } from './policy.ts'
import { type Components, idempotencyKey, type Json, type Operation, type Part } from './openapi-parts.ts'
import { messageSchema } from './openapi-message.ts'

const errorName = 'rpc.error'

/** A tag for each service that has methods in this version. It names those that have no form in plain JSON. */
export function rpcParts(services: readonly DescService[]): Part[] {
  return services
    .filter(({ methods }) => methods.some(isOffered))
    .map((service) => {
      const streams = service.methods.filter((method) => method.methodKind !== 'unary' && isOffered(method))
      const others = streams.map(({ name }) => `\`${name}\``).join(', ')
      const about = `\`${service.typeName}\` in its Connect JSON form; the same paths serve gRPC and gRPC-Web.`
      const description = others === '' ? about : `${about} Streams need one of these protocols: ${others}.`
      return { name: service.typeName, description }
    })
}

/** The unary methods of this version, each a POST of JSON; their messages and the error go to `components`. */
export function rpcOperations(services: readonly DescService[], components: Components): Operation[] {
  components.schemas[errorName] = errorSchema
  components.responses[errorName] = {
    description: 'A Connect error.',
    headers: { 'x-request-id': { $ref: '#/components/headers/RequestId' } },
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${errorName}` } } },
  }
  const policy = permissions()
  return services
    .flatMap(({ methods }) => methods)
    .filter((method) => method.methodKind === 'unary' && isOffered(method))
    .map((method) => operation(method, policy.get(method), components))
}

function operation(method: DescMethod, permission: string | undefined, components: Components): Operation {
  const failure = { $ref: `#/components/responses/${errorName}` }
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    method: 'post',
    body: {
      operationId: `${method.parent.typeName}.${method.name}`.replaceAll('.', '_'),
      tags: [method.parent.typeName],
      summary: `${method.parent.name}.${method.name}`,
      ...(permission !== undefined && { description: `Needs the permission \`${permission}\`.` }),
      parameters: isAnsweredOnce(method) ? [timeout, idempotencyKey] : [timeout],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: messageSchema(method.input, components.schemas) } },
      },
      responses: {
        200: {
          description: 'The answer.',
          headers: { 'x-request-id': { $ref: '#/components/headers/RequestId' } },
          content: { 'application/json': { schema: messageSchema(method.output, components.schemas) } },
        },
        '4XX': failure,
        '5XX': failure,
      },
    },
  }
}

const timeout: Json = {
  name: 'connect-timeout-ms',
  in: 'header',
  description: 'Milliseconds for the whole call.',
  schema: { type: 'integer', minimum: 1 },
}

const errorSchema: Json = {
  type: 'object',
  required: ['code'],
  properties: {
    code: { type: 'string', description: "The gRPC code's name in lower case, such as `invalid_argument`." },
    message: { type: 'string' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { type: 'string', description: 'The message type, such as `switchyard.v1.ErrorInfo`.' },
          value: { type: 'string', contentEncoding: 'base64' },
          debug: { description: 'The same as JSON, for people.' },
        },
      },
    },
  },
}
