import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bearer } from './gateway.ts'
import { gatewayWith } from '../services/gateway.ts'

/** A name of a loopback address that the gateway does not know for one, so that it keeps its doors shut. */
const host = '127.1'

test('a start that failed has not used up the first key: the next one shows it, and those after it none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-first-key-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const server = { host, port: 0, drain_seconds: 0 }
  const sections = { server, data_dir: folder, providers: [{ name: 'sim', type: 'simulator' }] }
  const taken = await gatewayWith({})
  const failing = { ...sections, server: { ...server, port: taken.port } }
  await expect(gatewayWith(failing)).rejects.toMatchObject({ reason: 'conflict' })
  await taken.stop()

  const shown = await gatewayWith(sections)
  const models = (key: string) => fetch(`http://127.0.0.1:${shown.port}/v1/models`, { headers: bearer(key) })
  expect([(await models(shown.firstKey ?? '')).status, (await models('another')).status]).toEqual([200, 401])
  await shown.stop()

  const again = await gatewayWith(sections)
  expect([again.firstKey, again.keysRequired]).toEqual([undefined, true])
  await again.stop()
})
