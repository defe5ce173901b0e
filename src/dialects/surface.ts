import type {
  Batch,
  CreateBatchRequest,
  ListBatchesRequest,
  ListBatchesResponse,
  ListFilesResponse,
  StoredFile,
} from '#gen/switchyard/v1/batch_pb.ts'
import type {
  Account,
  CreateAccountRequest,
  CreateKeyRequest,
  CreateKeyResponse,
  Key,
  ListAccountsRequest,
  ListAccountsResponse,
  ListKeysRequest,
  ListKeysResponse,
  UpdateAccountRequest,
} from '#gen/switchyard/v1/key_pb.ts'
import type {
  Alias,
  CreateProviderRequest,
  Model,
  Provider,
  UpdateProviderRequest,
} from '#gen/switchyard/v1/registry_pb.ts'
import type {
  GetLiveStatsResponse,
  ListRequestsRequest,
  ListRequestsResponse,
  QueryUsageRequest,
  QueryUsageResponse,
  RequestRecord,
  TailRequestsRequest,
} from '#gen/switchyard/v1/usage_pb.ts'
import type { ListVideosRequest, ListVideosResponse, Video } from '#gen/switchyard/v1/video_pb.ts'

/*
 * What the edge may ask of the gateway beside calls to models, in the contract's own messages, so that the RPC services and the
 * dialects' routes are two spellings of one implementation. Each is bound to a caller and sees what that caller may see; that
 * the caller has the permission for the operation is the edge's to check, by its declared policy.
 */

/** Providers, models and aliases. Methods throw `not_found`, `conflict` and `invalid_request`. */
export interface RegistryOperations {
  /** Models that may be asked for, in a stable order; only one provider's when named by id or name. */
  models(provider?: string): readonly Model[]
  /** A model that is listed, under any name that it may be asked for by, such as its own alone; undefined for any other name. */
  model(name: string): Model | undefined
  /** The providers, in a stable order. */
  providers(): readonly Provider[]
  createProvider(request: CreateProviderRequest): Promise<Provider>
  updateProvider(request: UpdateProviderRequest): Promise<Provider>
  /** Gives the id of what is gone. */
  deleteProvider(idOrName: string): Promise<string>
  /** Asks the provider for its models and stores them. Whatever goes wrong in asking changes nothing. */
  syncModels(provider: string): Promise<readonly Model[]>
  aliases(): readonly Alias[]
  setAlias(alias: Alias): Promise<Alias>
  deleteAlias(name: string): Promise<void>
}

/** Accounts and keys. A caller without `admin` acts within its own accounts; what is another's is `not_found`. */
export interface KeyOperations {
  createAccount(request: CreateAccountRequest): Promise<Account>
  updateAccount(request: UpdateAccountRequest): Promise<Account>
  listAccounts(request: ListAccountsRequest): Promise<ListAccountsResponse>
  /** `permission_denied` for a key that may more than its creator, and nothing is stored. */
  createKey(request: CreateKeyRequest): Promise<CreateKeyResponse>
  listKeys(request: ListKeysRequest): Promise<ListKeysResponse>
  revokeKey(id: string): Promise<Key>
}

/** The request log and sums over it, within the caller's accounts. */
export interface UsageOperations {
  query(request: QueryUsageRequest): Promise<QueryUsageResponse>
  request(id: string): Promise<RequestRecord>
  requests(request: ListRequestsRequest): Promise<ListRequestsResponse>
  /** Rows that settle from now on, until the signal is aborted. */
  tail(request: TailRequestsRequest, signal: AbortSignal): AsyncIterable<RequestRecord>
  live(): GetLiveStatsResponse
}

/** A file's bytes, and what says what they are. */
export interface FileContent {
  /** As its owner calls it: data, and never a path. */
  readonly name: string
  readonly mediaType: string
  readonly bytes: number
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** All of it, or the bytes from `start` up to, and without, `end`. Throws `not_found` in the first step when the bytes were lost. */
  read(range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>
}

/** Batches of the caller's accounts; what is another's is `not_found`. */
export interface BatchOperations {
  /** `invalid_request`, naming the field, for an input that nobody may read. */
  create(request: CreateBatchRequest, dialect: string): Promise<Batch>
  get(id: string): Promise<Batch>
  list(request: ListBatchesRequest): Promise<ListBatchesResponse>
  /** One that has ended stays as it was. */
  cancel(id: string): Promise<Batch>
}

/** Which files to list, newest first unless said otherwise. */
export interface FileListing {
  /** Empty: of every purpose. */
  readonly purpose: string
  /** 0: a page of 50. */
  readonly limit: number
  readonly cursor?: string
  /** Behind the file of this id, instead of at a cursor. Throws `invalid_request` when it is not there. */
  readonly after?: string | undefined
  readonly oldestFirst?: boolean
}

/** Files of the caller's accounts; what is another's is `not_found`. */
export interface FileOperations {
  /** Keeps a file. Name, purpose, media type, expiry and, where it is said, size are taken from `facts`. Throws `payload_too_large`. */
  upload(facts: StoredFile, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile>
  file(id: string): Promise<StoredFile>
  list(listing: FileListing): Promise<ListFilesResponse>
  content(id: string): Promise<FileContent>
  /** A URL that needs no key and ends by itself; where the configuration names no public one, below `origin`, or else a path. */
  link(id: string, origin?: string): Promise<string>
  /** Gives the id of what is gone. */
  remove(id: string): Promise<string>
}

/** Videos of the caller's accounts; what is another's is `not_found`. */
export interface VideoOperations {
  /** How far it is, as the provider says now. A video that is completed has one file, named by its id: `files.link` leads to it. */
  get(id: string): Promise<Video>
  /** Newest first unless said otherwise; behind the video of the id `after`, where that is not empty. */
  list(
    request: Pick<ListVideosRequest, 'limit' | 'cursor'> & { readonly after?: string; readonly oldestFirst?: boolean },
  ): Promise<ListVideosResponse>
  /** Ends one that is still being made; one that has ended stays as it is. */
  cancel(id: string): Promise<Video>
  /** Gives the id of what is gone. Throws `conflict` for one that is still being made. */
  remove(id: string): Promise<string>
  /** Throws `conflict` for one that is not completed. */
  content(id: string): Promise<FileContent>
}

/** Everything of that, bound to one caller. */
export interface Surface {
  readonly registry: RegistryOperations
  readonly keys: KeyOperations
  readonly usage: UsageOperations
  readonly batches: BatchOperations
  readonly files: FileOperations
  readonly videos: VideoOperations
}
