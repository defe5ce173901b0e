import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { bearer } from './gateway.ts'
import { Gate } from '../services/gate.ts'
import { gatewayWith } from '../services/gateway.ts'
import { startPostgres } from '../services/postgres.ts'

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

test('a store without keys that comes after the start lets nobody in', async () => {
  const postgres = await startPostgres()
  onTestFinished(() => postgres.end())
  const location = new URL(await postgres.database())
  const gate = await Gate.open(location.hostname, Number(location.port))
  onTestFinished(() => gate.close())
  gate.cut()
  location.host = `127.0.0.1:${gate.port}`
  const sections = { server: { host, port: 0, drain_seconds: 0 }, providers: [{ name: 'sim', type: 'simulator' }] }
  const gateway = await gatewayWith(sections, { SWITCHYARD_DATABASE_URL: location.href })
  onTestFinished(() => gateway.stop())
  expect([gateway.firstKey, gateway.keysRequired]).toEqual([undefined, true])
  gate.admit()
  const url = `http://127.0.0.1:${gateway.port}`
  await vi.waitFor(
    async () => expect(await (await fetch(`${url}/metrics`)).text()).toContain('switchyard_store_up 1'),
    9000,
  )
  expect((await fetch(`${url}/v1/models`)).status).toBe(401)
})
