import { once } from 'node:events'
import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { type Host, type Provider, remoteProvider, serveProvider } from '#provider'
import simulator from '../../plugins/simulator/index.ts'
import { contextFor } from './asking.ts'
import { providerSuite } from './provider.ts'

async function openSimulator() {
  const host: Host = { name: 'simulator', egress: contextFor().egress, log: contextFor().log }
  const provider = await simulator.create({ baseUrl: '', own: {} }, host)
  let running = 0
  /** The simulator as it is, with the answers being made counted. */
  async function* counted(...call: Parameters<NonNullable<Provider['chat']>>) {
    running++
    try {
      yield* provider.chat?.(...call) ?? []
    } finally {
      running--
    }
  }
  return { provider: { ...provider, chat: counted } satisfies Provider, running: () => running }
}

providerSuite('the simulator in process', async () => ({
  ...(await openSimulator()),
  [Symbol.asyncDispose]: async () => {},
}))

providerSuite('the simulator behind a gRPC socket', async () => {
  const { provider, running } = await openSimulator()
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer(connectNodeAdapter({ routes: serveProvider(provider, contextFor()) }))
  server.on('session', (session) => sessions.add(session))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const remote = remoteProvider(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    provider: remote,
    running,
    async [Symbol.asyncDispose]() {
      await remote.close?.()
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
})
