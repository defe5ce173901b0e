import { createClient, ConnectError, Code } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  gateway = await openGateway({ config: {} })
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** What an RPC ends with. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'answered',
    (error: unknown) => `${Code[ConnectError.from(error).code]}: ${ConnectError.from(error).rawMessage}`,
  )
}

test.each([
  ['before the year 1', -62_135_596_801n, 0, 'InvalidArgument: '],
  ['in the first second', -62_135_596_800n, 0, 'answered'],
  ['in the last second', 253_402_300_799n, 999_999_999, 'answered'],
  ['in the year 10000', 253_402_300_800n, 0, 'InvalidArgument: '],
  ['at the end of 64 bits', 2n ** 63n - 1n, 0, 'InvalidArgument: '],
  ['with a part of a second below zero', 1n, -1, 'InvalidArgument: '],
  ['with more than a second in its part', 1n, 1e9, 'InvalidArgument: '],
])('a time %s, as only the binary form can say it', async (_what, seconds, nanos, expected) => {
  const transport = createGrpcTransport({ baseUrl: gateway.url })
  const time = { seconds, nanos }
  const usage = createClient(UsageService, transport)
  for (const filter of [{ since: time }, { until: time }]) {
    expect(await outcome(usage.listRequests({ filter }))).toContain(expected)
    expect(await outcome(usage.queryUsage({ filter }))).toContain(expected)
  }
  if (expected !== 'answered')
    expect(await outcome(createClient(KeyService, transport).createKey({ expires: time }))).toContain(expected)
})
