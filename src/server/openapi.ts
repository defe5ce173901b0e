import type { DescService } from '@bufbuild/protobuf'
import type { ServerDialect } from '../dialects/contract.ts'
import { fail } from '../error/index.ts'
import type { Components, Json, Operation } from './openapi-parts.ts'
import { pageOperations, pagesPart } from './openapi-pages.ts'
import { restOperations, restParts } from './openapi-rest.ts'
import { rpcOperations, rpcParts } from './openapi-rpc.ts'

/** What the document is about. */
export interface DocumentOptions {
  readonly dialects: readonly ServerDialect[]
  readonly services: readonly DescService[]
  /** The gateway's own version. */
  readonly version: string
}

const description = `Every path takes the key as \`Authorization: Bearer KEY\` or \`x-api-key: KEY\`, and every answer carries
\`x-request-id\`: the caller's own, if it is 1-128 of \`[A-Za-z0-9._-]\`, else a new one.`

const securitySchemes: Json = {
  bearer: { type: 'http', scheme: 'bearer' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
}

/**
 * The gateway's HTTP API as OpenAPI 3.1: each dialect from its own schemas, the contract in its Connect JSON form from its descriptors,
 * and the pages that are no API. The same input gives the same document. Throws `internal` when two operations claim one path and method.
 */
export function openApiDocument({ dialects, services, version }: DocumentOptions): Json {
  const components: Components = { schemas: {}, responses: {} }
  const operations = [
    ...restOperations(dialects, components),
    ...rpcOperations(services, components),
    ...pageOperations(components),
  ]
  const tags = [...restParts(dialects), ...rpcParts(services), pagesPart]
  return {
    openapi: '3.1.1',
    info: { title: 'Switchyard', version, description },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: tags.map((tag) => ({ name: tag.name, description: tag.description })),
    paths: pathsOf(operations),
    components: {
      securitySchemes,
      headers: { RequestId: { description: 'The id of this request in the log.', schema: { type: 'string' } } },
      schemas: sorted(components.schemas),
      responses: sorted(components.responses),
    },
  }
}

function pathsOf(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const { path, method, body } of operations) {
    const methods = (paths[path] ??= {})
    if (methods[method] !== undefined) throw fail('internal', `two operations claim ${method} ${path}`)
    methods[method] = body
  }
  return paths
}

function sorted(named: Readonly<Record<string, Json>>): Json {
  return Object.fromEntries(Object.entries(named).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
