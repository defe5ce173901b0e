import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { z } from 'zod'
import { type StoredFile, StoredFileSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { fail } from '../../error/index.ts'
import type { Route } from '../contract.ts'
import type { Form } from '../form.ts'
import { limitType, pageLimit } from '../page-limit.ts'
import { epochSeconds } from '../times.ts'
import { check } from '../validate.ts'
import { isOldestFirst, listOrder } from './list-order.ts'

/*
 * Files as OpenAI's API has them: https://platform.openai.com/docs/api-reference/files
 */

const fileObject = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int(),
  created_at: z.int().describe('Seconds since 1970.'),
  expires_at: z.int().optional().describe('Seconds since 1970; absent for a file that is kept for ever.'),
  filename: z.string(),
  purpose: z.string(),
  status: z.literal('processed'),
})

const fileList = z.object({
  object: z.literal('list'),
  data: z.array(fileObject),
  first_id: z.string(),
  last_id: z.string(),
  has_more: z.boolean(),
})

const deletedFile = z.object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })

const fileBytes = z.string().meta({ format: 'binary' })

const hourSeconds = 3600
const longestSeconds = 30 * 24 * hourSeconds

const uploadFields = z.object({
  purpose: z
    .enum(['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'])
    .describe('What the file is for.'),
  'expires_after[anchor]': z.literal('created_at').optional(),
  'expires_after[seconds]': z
    .string()
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= hourSeconds && Number(text) <= longestSeconds, {
      error: `must be a whole number from ${hourSeconds} to ${longestSeconds}`,
    })
    .optional()
    .describe('Seconds that the file is kept.'),
})

const listed = { usual: 10_000, most: 10_000 }

function encodeFile({ id, name, purpose, size, created, expires }: StoredFile): z.infer<typeof fileObject> {
  return {
    id,
    object: 'file',
    bytes: Number(size),
    created_at: created === undefined ? 0 : epochSeconds(created),
    ...(expires !== undefined && { expires_at: epochSeconds(expires) }),
    filename: name,
    purpose,
    status: 'processed',
  }
}

function decodeUpload({ fields, files }: Form) {
  const file = files.get('file')
  if (file === undefined) throw fail('invalid_request', 'file is required', { param: 'file' })
  const { purpose, 'expires_after[seconds]': seconds } = check(uploadFields, Object.fromEntries(fields))
  const expires = seconds === undefined ? undefined : timestampFromMs(Date.now() + Number(seconds) * 1000)
  const { name, mediaType, bytes } = file
  const facts = create(StoredFileSchema, {
    name,
    purpose,
    mediaType,
    size: BigInt(bytes),
    ...(expires !== undefined && { expires }),
  })
  return { facts, bytes: file.stream() }
}

function decodeListing(query: URLSearchParams) {
  return {
    purpose: query.get('purpose') ?? '',
    limit: pageLimit(query, listed),
    oldestFirst: isOldestFirst(query),
    after: query.get('after') || undefined,
  }
}

/** The endpoints for files. */
export const files: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/files',
    summary: 'Uploads a file',
    permission: 'batches:write',
    once: true,
    request: uploadFields,
    files: ['file'],
    response: fileObject,
    async answer(_facts, surface, _body, form) {
      if (form === undefined) throw fail('internal', 'a form was not read')
      const { facts, bytes } = decodeUpload(form)
      return encodeFile(await surface.files.upload(facts, bytes))
    },
  },
  {
    method: 'GET',
    path: '/v1/files',
    summary: 'Files, newest first unless said otherwise',
    permission: 'batches:write',
    query: {
      purpose: z.string(),
      after: z.string().describe('id of the file to begin behind'),
      limit: limitType(listed),
      order: listOrder,
    },
    response: fileList,
    async answer({ query }, surface) {
      const { files: found, nextCursor } = await surface.files.list(decodeListing(query))
      const data = found.map(encodeFile)
      return {
        object: 'list',
        data,
        first_id: data[0]?.id ?? '',
        last_id: data.at(-1)?.id ?? '',
        has_more: nextCursor !== '',
      }
    },
  },
  {
    method: 'GET',
    path: '/v1/files/:id',
    summary: 'What is known of one file',
    permission: 'batches:write',
    response: fileObject,
    answer: async ({ params }, surface) => encodeFile(await surface.files.file(params['id'] ?? '')),
  },
  {
    method: 'GET',
    path: '/v1/files/:id/content',
    summary: 'The bytes of one file, or a range of them',
    permission: 'batches:write',
    response: fileBytes,
    sends: 'file',
    answer: ({ params }, surface) => surface.files.content(params['id'] ?? ''),
  },
  {
    method: 'DELETE',
    path: '/v1/files/:id',
    summary: 'Removes a file',
    permission: 'batches:write',
    response: deletedFile,
    answer: async ({ params }, surface) => ({
      id: await surface.files.remove(params['id'] ?? ''),
      object: 'file',
      deleted: true,
    }),
  },
]
