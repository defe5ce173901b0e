import { create } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import {
  type DownloadFileResponse,
  DownloadFileResponseSchema,
  type StoredFile,
  type UploadFileRequest,
} from '#gen/switchyard/v1/batch_pb.ts'
import type { Core } from '../core/contract.ts'
import type { FileOperations } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `FileService`. */
export function fileService(core: Core): Offered<'FileService'> {
  const files = (context: HandlerContext): FileOperations => surfaceOf(core, context).files
  return {
    uploadFile: (requests, context) => upload(files(context), requests),
    getFile: ({ id }, context) => files(context).file(id),
    listFiles: (request, context) => files(context).list(request),
    downloadFile: ({ id }, context) => download(files(context), id),
    deleteFile: async ({ id }, context) => ({ id: await files(context).remove(id) }),
  }
}

/** The first message says what the file is, all others bring its bytes. */
async function upload(files: FileOperations, requests: AsyncIterable<UploadFileRequest>): Promise<StoredFile> {
  const messages = requests[Symbol.asyncIterator]()
  try {
    const first = await messages.next()
    const kind = first.done === true ? undefined : first.value.kind
    if (kind?.case !== 'file') throw fail('invalid_request', 'the first message must be the file', { param: 'file' })
    return await files.upload(kind.value, bytesOf(messages))
  } finally {
    await messages.return?.()
  }
}

async function* bytesOf(messages: AsyncIterator<UploadFileRequest>): AsyncGenerator<Uint8Array, void, void> {
  for (let step = await messages.next(); step.done !== true; step = await messages.next()) {
    const { kind } = step.value
    if (kind.case !== 'data')
      throw fail('invalid_request', 'all messages but the first must be data', { param: 'data' })
    yield kind.value
  }
}

async function* download(files: FileOperations, id: string): AsyncGenerator<DownloadFileResponse, void, void> {
  const content = await files.content(id)
  for await (const data of content.read()) yield create(DownloadFileResponseSchema, { data })
}
