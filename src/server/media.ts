import type { FastifyInstance } from 'fastify'
import type { FileContent } from '../dialects/surface.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { mediaPath } from '../files/links.ts'
import { answerFile } from './file-answer.ts'
import { queryOf } from './reply.ts'

/** What serving files by link needs. */
export interface MediaOptions {
  /** The file that a link leads to. Throws `not_found` for one that is over, forged, or leads nowhere. */
  readonly open: (id: string, query: URLSearchParams) => Promise<FileContent>
  /** Milliseconds a client may leave what was written to it unread. */
  readonly writeMs: number
}

/** Serves files to whoever has a link to one: no key is asked for. */
export function serveMedia(app: FastifyInstance, { open, writeMs }: MediaOptions): void {
  app.get<{ Params: { readonly id: string } }>(`${mediaPath}/:id`, async ({ raw, params }, reply) => {
    reply.hijack()
    try {
      await answerFile(raw, reply.raw, await open(params.id, queryOf(raw)), { writeMs })
    } catch (thrown) {
      const { status, reason, message } = shownError(thrown)
      const body = JSON.stringify({ error: { reason, message } })
      reply.raw.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      reply.raw.end(raw.method === 'HEAD' ? undefined : body)
    }
  })
}

/** Nobody learns why a link leads nowhere. */
function shownError(thrown: unknown): GatewayError {
  const error = asGatewayError(thrown)
  return error.reason === 'not_found' ? fail('not_found', 'there is no such file') : error
}
