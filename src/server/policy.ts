import type { DescMethod, DescService } from '@bufbuild/protobuf'
import type { ServiceImpl } from '@connectrpc/connect'
import { BatchService, FileService } from '#gen/switchyard/v1/batch_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { RegistryService } from '#gen/switchyard/v1/registry_pb.ts'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import type { Permission } from '../dialects/permissions.ts'

/** Every service of the contract, by its own name. All of them need a key. */
export const services = {
  InferenceService,
  RegistryService,
  KeyService,
  UsageService,
  BatchService,
  FileService,
} as const satisfies Readonly<Record<string, DescService>>

type Policy = {
  readonly [Service in keyof typeof services]: Readonly<Record<keyof (typeof services)[Service]['method'], Permission>>
}

/** What a caller must be allowed to do, to call a method. A method of the contract that is not in here does not compile. */
export const policy: Policy = {
  InferenceService: {
    listModels: 'models:use',
    chat: 'models:use',
    streamChat: 'models:use',
    countTokens: 'models:use',
    generate: 'models:use',
    streamGenerate: 'models:use',
    embed: 'models:use',
    generateImages: 'models:use',
    transcribe: 'models:use',
    synthesize: 'models:use',
    createVideo: 'models:use',
    getVideo: 'models:use',
    cancelVideo: 'models:use',
    downloadVideo: 'models:use',
    listVideos: 'models:use',
    deleteVideo: 'models:use',
    infer: 'models:use',
    streamInfer: 'models:use',
  },
  RegistryService: {
    listProviders: 'providers:read',
    getProvider: 'providers:read',
    createProvider: 'providers:write',
    updateProvider: 'providers:write',
    deleteProvider: 'providers:write',
    syncModels: 'providers:write',
    listAliases: 'providers:read',
    setAlias: 'providers:write',
    deleteAlias: 'providers:write',
  },
  KeyService: {
    createAccount: 'admin',
    updateAccount: 'admin',
    listAccounts: 'admin',
    createKey: 'keys:write',
    listKeys: 'keys:write',
    revokeKey: 'keys:write',
    setBudget: 'keys:write',
    getBudget: 'keys:write',
  },
  UsageService: {
    queryUsage: 'usage:read',
    getRequest: 'requests:read',
    listRequests: 'requests:read',
    tailRequests: 'requests:read',
    // It is of every account.
    getLiveStats: 'admin',
  },
  BatchService: {
    createBatch: 'batches:write',
    getBatch: 'batches:write',
    listBatches: 'batches:write',
    cancelBatch: 'batches:write',
  },
  FileService: {
    uploadFile: 'batches:write',
    getFile: 'batches:write',
    listFiles: 'batches:write',
    downloadFile: 'batches:write',
    deleteFile: 'batches:write',
  },
}

/** The methods of the contract that this version does not have: they answer UNIMPLEMENTED and are in no document. */
const unserved = {
  KeyService: ['setBudget', 'getBudget'],
} as const satisfies { [Service in keyof typeof services]?: readonly (keyof (typeof services)[Service]['method'])[] }

/** The methods whose callers may name an idempotency key: each costs something, or makes something. */
const answeredOnce: { readonly [Service in keyof typeof services]?: readonly string[] } = {
  InferenceService: [
    'chat',
    'streamChat',
    'generate',
    'streamGenerate',
    'embed',
    'generateImages',
    'transcribe',
    'synthesize',
    'createVideo',
    'infer',
    'streamInfer',
  ] satisfies (keyof (typeof services)['InferenceService']['method'])[],
  BatchService: ['createBatch'] satisfies (keyof (typeof services)['BatchService']['method'])[],
}

/** Whether a method is answered once where its caller names an idempotency key. */
export function isAnsweredOnce({ parent, localName }: DescMethod): boolean {
  const name = parent.name as keyof typeof services
  return services[name] === parent && answeredOnce[name]?.includes(localName) === true
}

/** An implementation of what a service offers: no less, and no more. */
export type Offered<Service extends keyof typeof services> = Omit<
  ServiceImpl<(typeof services)[Service]>,
  Service extends keyof typeof unserved ? (typeof unserved)[Service][number] : never
>

/** Whether this version has a method of the contract. */
export function isOffered({ parent, localName }: DescMethod): boolean {
  const without: { readonly [Service in string]?: readonly string[] } = unserved
  return services[parent.name as keyof typeof services] === parent && without[parent.name]?.includes(localName) !== true
}

/** The policy by method descriptor. A method without an entry is one that nobody may call. */
export function permissions(): ReadonlyMap<DescMethod, Permission> {
  const table = new Map<DescMethod, Permission>()
  for (const [name, service] of Object.entries(services)) {
    const rules: Readonly<Record<string, Permission>> = policy[name as keyof Policy]
    for (const method of service.methods) {
      const permission = rules[method.localName]
      if (permission !== undefined) table.set(method, permission)
    }
  }
  return table
}
