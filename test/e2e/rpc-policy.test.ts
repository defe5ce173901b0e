import { readdir } from 'node:fs/promises'
import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { permissions, services } from '../../src/server/policy.ts'
import { requestIdsOf } from '../../src/server/request-id.ts'

const folder = new URL('../../src/gen/switchyard/v1/', import.meta.url)

/** A UUIDv7. */
const ours = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'service'
}

async function declaredServices(): Promise<DescService[]> {
  const files = await readdir(folder)
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href) as Promise<object>))
  return modules.flatMap((module) => Object.values(module)).filter(isService)
}

test('every method of every service in the contract has a policy', async () => {
  const declared = await declaredServices()
  expect(declared.length).toBeGreaterThan(5)
  expect(new Set<DescService>(Object.values(services))).toEqual(new Set(declared))
  const policy = permissions()
  const without = (method: DescMethod): boolean => !policy.has(method)
  expect(declared.flatMap(({ methods }) => methods.filter(without)).map(String)).toEqual([])
})

test.each(['a', 'A.b_c-9', 'x'.repeat(128)])("a request keeps its caller's id %s", (id) => {
  expect(requestIdsOf(id)).toEqual({ id: expect.stringMatching(ours) as string, clientRequestId: id, requestId: id })
})

test.each([undefined, '', 'x'.repeat(129), 'a b', 'a\nb', 'ä'])(
  'a request without a fit id (%s) gets a new one',
  (id) => {
    const given = requestIdsOf(id)
    expect(given.id).toMatch(ours)
    expect(given).toEqual({ id: given.id, clientRequestId: '', requestId: given.id })
    expect(requestIdsOf(id).id).not.toBe(given.id)
  },
)
