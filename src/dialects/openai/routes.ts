import { z } from 'zod'
import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import { fail } from '../../error/index.ts'
import type { Route } from '../contract.ts'
import { epochSeconds } from '../times.ts'
import { batchRoutes } from './batches.ts'
import { files } from './files.ts'
import { videoRoutes } from './video-server.ts'
import { modelList, modelObject } from './types.ts'

function encodeModel(model: Model): object {
  const created = model.created === undefined ? 0 : epochSeconds(model.created)
  return { id: model.id, object: 'model', created, owned_by: model.ownedBy === '' ? model.provider : model.ownedBy }
}

/** The endpoints of OpenAI's API that answer at once, without a provider. */
export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/models',
    summary: 'The models that may be asked for',
    permission: 'models:use',
    query: { provider: z.string().describe('id or name: the models of this provider alone') },
    response: modelList,
    answer: ({ query }, surface) => ({
      object: 'list',
      data: surface.registry.models(query.get('provider') || undefined).map(encodeModel),
    }),
  },
  {
    method: 'GET',
    path: '/v1/models/*',
    summary: 'One model',
    permission: 'models:use',
    response: modelObject,
    answer({ params }, surface) {
      const id = params['*'] ?? ''
      const model = surface.registry.model(id)
      if (model === undefined)
        throw fail('model_not_found', `the model "${id}" does not exist or is not open to this key`, { param: 'model' })
      return encodeModel(model)
    },
  },
  ...batchRoutes,
  ...files,
  ...videoRoutes,
]

/** Parts of OpenAI's API that are not served here. */
export const absent: readonly string[] = [
  '/v1/assistants',
  '/v1/threads',
  '/v1/runs',
  '/v1/vector_stores',
  '/v1/fine_tuning',
  '/v1/fine-tuning',
  '/v1/images/edits',
  '/v1/images/variations',
  '/v1/audio/voices',
  '/v1/audio/voice_consents',
  '/v1/chat/completions/*',
  '/v1/moderations',
  '/v1/realtime',
  '/v1/uploads',
  '/v1/evals',
  '/v1/containers',
  '/v1/conversations',
  '/v1/content_provenance_checks',
  '/v1/chatkit',
  '/v1/skills',
  '/v1/organization',
  '/v1/projects',
  '/v1/videos/characters',
  '/v1/videos/edits',
  '/v1/videos/extensions',
  '/v1/videos/*/remix',
]
