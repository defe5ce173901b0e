import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'

/** What the pages beside the APIs need. */
export interface PagesOptions {
  readonly ready: () => boolean
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  /** Makes the OpenAPI document; asked once, when somebody wants to see it. */
  readonly document: () => object
}

/**
 * Health for orchestrators, metrics for scrapers, and the documents for people. None of them needs a key or tells anything of a
 * caller; `/livez` says that the process runs, `/readyz` and `/healthz` whether new calls are welcome.
 */
export function pages(app: FastifyInstance, { ready, metrics, document }: PagesOptions): void {
  app.get('/livez', () => ({ status: 'ok' }))
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, (_request, reply) => reply.code(ready() ? 200 : 503).send({ status: ready() ? 'ok' : 'stopping' }))
  }
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics()
    return reply.type(contentType).send(text)
  })
  let made: object | undefined
  const openapi = (): object => (made ??= document())
  app.get('/openapi.json', () => openapi())
  app.register(async (scope) => {
    await scope.register(swagger, {
      mode: 'dynamic',
      openapi: { openapi: '3.1.0', info: { title: 'Switchyard', version: '' } },
    })
    await scope.register(swaggerUi, { routePrefix: '/docs', uiConfig: { url: '/openapi.json', layout: 'BaseLayout' } })
  })
}
