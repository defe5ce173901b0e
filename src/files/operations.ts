import { create } from '@bufbuild/protobuf'
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt'
import { ListFilesResponseSchema, type StoredFile, StoredFileSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { scopeOf } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import type { FileOperations } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import { defaultAccountId, type FileRow } from '../store/contract.ts'
import { contentOf, type Files } from './open.ts'

const defaultLimit = 50
const usualPurpose = 'user_data'

/** Files, for one caller: those of its own accounts. What it uploads is its first account's. */
export function fileOperations({ vault, links }: Pick<Files, 'vault' | 'links'>, caller: Principal): FileOperations {
  const scope = scopeOf(caller)
  return {
    async upload(facts, bytes) {
      const { name, purpose, mediaType, size, expires } = facts
      const until = expires === undefined ? undefined : timestampMs(expires)
      if (until !== undefined && until <= Date.now())
        throw fail('invalid_request', 'expires: must be a time to come', { param: 'expires' })
      const account = caller.accounts[0] ?? defaultAccountId
      const kept = { name, purpose: purpose || usualPurpose, mediaType, expires: until }
      return fileMessage(await vault.keep(account, kept, size === 0n ? bytes : ofSize(bytes, size)))
    },
    async file(id) {
      const { file } = await vault.open(id, scope)
      return fileMessage(file)
    },
    async list({ purpose, limit, cursor, after, oldestFirst = false }) {
      const { rows, nextCursor } = await vault.list({ purpose: purpose || undefined }, scope, {
        limit: limit || defaultLimit,
        cursor,
        after,
        order: oldestFirst ? 'oldest first' : 'newest first',
      })
      return create(ListFilesResponseSchema, { files: rows.map(fileMessage), nextCursor: nextCursor ?? '' })
    },
    async content(id) {
      return contentOf(await vault.open(id, scope))
    },
    async link(id, origin) {
      const { file } = await vault.open(id, scope)
      return links.urlOf(file, origin)
    },
    async remove(id) {
      return (await vault.remove(id, scope)).id
    },
  }
}

/** The same bytes. Throws `invalid_request` when they are not as many as was said. */
async function* ofSize(bytes: AsyncIterable<Uint8Array>, size: bigint): AsyncGenerator<Uint8Array, void, void> {
  let found = 0n
  for await (const piece of bytes) {
    found += BigInt(piece.length)
    yield piece
  }
  if (found !== size) throw fail('invalid_request', `size: it is ${found} bytes, and not ${size}`, { param: 'size' })
}

/** A file as the contract shows it: nothing of where its bytes are. */
function fileMessage({ id, name, purpose, mediaType, bytes, created, expires }: FileRow): StoredFile {
  return create(StoredFileSchema, {
    id,
    name,
    purpose,
    mediaType,
    size: BigInt(bytes),
    created: timestampFromMs(created),
    ...(expires !== undefined && { expires: timestampFromMs(expires) }),
  })
}
