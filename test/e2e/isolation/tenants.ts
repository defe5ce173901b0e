import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type Client, createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import type { DescService } from '@bufbuild/protobuf'
import { BatchService, FileService, type UploadFileRequestSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { CreateKeyRequestSchema, KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { type Permission, permissions as known } from '../../../src/dialects/permissions.ts'
import { ask } from '../../faults/client.ts'
import type { FaultyGateway } from '../../faults/gateway.ts'
import { bearer } from '../gateway.ts'

/** Who may ask: each with a key of its own, but for the one without. */
export const roles = {
  anonymous: undefined,
  viewer: ['usage:read', 'requests:read', 'providers:read'],
  key: ['models:use'],
  manager: ['models:use', 'keys:write'],
  all: known.filter((permission) => permission !== 'admin'),
  admin: ['admin'],
} as const satisfies Record<string, readonly Permission[] | undefined>

/** One of {@link roles}. */
export type Role = keyof typeof roles

/** An account with a key for each role, and a few calls in its log. */
export interface Tenant {
  readonly accountId: string
  readonly name: string
  readonly tokens: Readonly<Record<Role, string>>
  /** Everything that tells of this account and must not be seen by another: ids, names, cursors. */
  readonly marks: readonly string[]
  /** Ids of every kind, and cursors: what another account may try. */
  readonly ids: readonly string[]
}

/** A client of a service that shows a key. */
export function clientOf<Service extends DescService>(
  { url }: Pick<FaultyGateway, 'url'>,
  service: Service,
  token: string,
): Client<Service> {
  const show: Interceptor = (next) => (request) => {
    if (token !== '') request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }
  return createClient(service, createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [show] }))
}

/** Makes an account, its keys and its calls, as an admin. */
export async function makeTenant(gateway: FaultyGateway, admin: string, name: string): Promise<Tenant> {
  const keys = clientOf(gateway, KeyService, admin)
  const { id: accountId } = await keys.createAccount({ name })
  const tokens: Record<Role, string> = { anonymous: '', viewer: '', key: '', manager: '', all: '', admin: '' }
  const keyIds: string[] = []
  for (const [role, permissions] of Object.entries(roles)) {
    if (permissions === undefined) continue
    const named = { accountId, name: `${name} ${role}`, permissions: [...permissions] }
    const { key, secret } = await keys.createKey(create(CreateKeyRequestSchema, named))
    tokens[role as Role] = secret
    keyIds.push(key?.id ?? '')
  }
  const sent = await Promise.all([1, 2, 3].map((turn) => chat(gateway, tokens.key, `${name}-call-${turn}`)))
  const log = await clientOf(gateway, UsageService, tokens.viewer).listRequests({ limit: 2 })
  const listed = await clientOf(gateway, KeyService, tokens.manager).listKeys({ limit: 2 })
  const requestIds = log.requests.map(({ id }) => id)
  const files = clientOf(gateway, FileService, tokens.all)
  const fileNames = [1, 2].map((turn) => `${name}-file-${turn}`)
  const kept = await Promise.all(fileNames.map((file) => files.uploadFile(upload(file))))
  const fileIds = kept.map(({ id }) => id)
  const jobs = clientOf(gateway, BatchService, tokens.all)
  const begun = await Promise.all([1, 2].map(() => jobs.createBatch({ input: fileIds[0] ?? '' })))
  const batchIds = begun.map(({ id }) => id)
  const films = clientOf(gateway, InferenceService, tokens.all)
  const film = { model: 'simulator/video?ms=3600000', prompt: name }
  const shot = await Promise.all([1, 2].map(() => films.createVideo(film)))
  const videoIds = shot.map(({ id }) => id)
  const pages = [
    listed,
    await files.listFiles({ limit: 1 }),
    await jobs.listBatches({ limit: 1 }),
    await films.listVideos({ limit: 1 }),
  ]
  const cursors = [log.nextCursor, ...pages.map(({ nextCursor }) => nextCursor)]
  const ids = [accountId, ...keyIds, ...requestIds, ...sent, ...fileIds, ...batchIds, ...videoIds, ...cursors]
  if (ids.length < 21 || ids.includes('')) throw new Error('the tenant is not complete')
  return {
    accountId,
    name,
    tokens,
    ids,
    marks: [accountId, name, ...keyIds, ...requestIds, ...sent, ...fileIds, ...batchIds, ...videoIds],
  }
}

/** A file whose bytes are its name. */
async function* upload(name: string): AsyncGenerator<MessageInitShape<typeof UploadFileRequestSchema>, void, void> {
  yield { kind: { case: 'file', value: { name, purpose: 'batch', mediaType: 'text/plain' } } }
  yield { kind: { case: 'data', value: Buffer.from(name) } }
}

async function chat(gateway: FaultyGateway, token: string, requestId: string): Promise<string> {
  const body = { model: 'simulator/echo', messages: [{ role: 'user', content: 'hello' }] }
  const headers = { ...bearer(token), 'x-request-id': requestId }
  const { status, text } = await ask(`${gateway.url}/v1/chat/completions`, body, headers)
  if (status !== 200) throw new Error(`the call of a tenant failed: ${text}`)
  return requestId
}
