import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { LookupAddress } from 'node:dns'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEgress, type Egress, isPublicAddress, type Resolve } from './egress.ts'

describe('an address', () => {
  const publicOnes = [
    '1.1.1.1',
    '8.8.8.8',
    '93.184.215.14',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2001:4860:4860::8888',
    '2a00:1450:4001::1',
    '::ffff:8.8.8.8',
  ]
  test.each(publicOnes)('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  const others = {
    'this network': ['0.0.0.0', '0.1.2.3'],
    loopback: ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
    private: ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fd12:3456::1'],
    'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
    'link-local': ['169.254.0.1', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
    'site-local': ['fec0::1'],
    'metadata of clouds': [
      '169.254.169.254',
      '169.254.170.2',
      'fd00:ec2::254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
    ],
    reserved: [
      '192.0.0.1',
      '192.0.2.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.1',
      '240.0.0.1',
      '255.255.255.255',
    ],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
    'IPv4 in IPv6': [
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:10.0.0.1',
      '::127.0.0.1',
      '::7f00:1',
      '::10.0.0.1',
      '::ffff:0:127.0.0.1',
    ],
    '6to4, Teredo and NAT64': [
      '2002:7f00:1::',
      '2002:a00:1::1',
      '2001::1',
      '64:ff9b::7f00:1',
      '64:ff9b::10.0.0.1',
      '64:ff9b:1::1',
    ],
    'documentation, benchmarks and nothing': [
      '2001:db8::1',
      '3fff::1',
      '2001:2::1',
      '100::1',
      '::',
      '5f00::1',
      '4000::1',
      '8000::1',
    ],
    'odd spellings': [
      '0177.0.0.1',
      '0x7f.1',
      '2130706433',
      '127.1',
      '127.0.0.1.',
      ' 127.0.0.1',
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      'x',
    ],
  }
  test.each(Object.entries(others).flatMap(([kind, list]) => list.map((address) => [address, kind] as const)))(
    '%s is not public (%s)',
    (address) => {
      expect(isPublicAddress(address)).toBe(false)
    },
  )
})

describe('a URL that a client names', () => {
  let server: Server
  let port = 0
  let connections = 0
  let asked: string[] = []
  let answers: LookupAddress[] = []
  let egress: Egress
  const resolve: Resolve = (host, done) => {
    asked.push(host)
    done(null, answers)
  }
  beforeAll(async () => {
    server = createServer((_request, response) => response.end('secret'))
    server.on('connection', () => (connections += 1))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
    egress = createEgress({ connectTimeoutMs: 1000, resolve })
  })
  afterAll(async () => {
    await egress.close()
    server.close()
  })

  const signal = new AbortController().signal
  const get = (url: string): Promise<unknown> => {
    asked = []
    return egress.sendGuarded({ method: 'GET', url: url.replace('PORT', String(port)), headers: {}, signal })
  }
  const refused = expect.objectContaining({ reason: 'invalid_request' }) as Error

  test.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0x7f.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://017700000001:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://0:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[64:ff9b::7f00:1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://①②⑦.⓪.⓪.①:PORT/',
    'http://127。0。0。1:PORT/',
    'http://%31%32%37.0.0.1:PORT/',
    'http:\\\\127.0.0.1:PORT\\',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.0.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
  ])('%s is refused before anything is asked or opened', async (url) => {
    await expect(get(url)).rejects.toThrow(refused)
    expect([connections, asked]).toEqual([0, []])
  })

  test.each([
    'file:///etc/passwd',
    'ftp://example.com/',
    'gopher://example.com/',
    'data:text/plain,x',
    'javascript:1',
    'unix:/run/x.sock',
    '//example.com/',
    'example.com',
    '',
    'http://',
  ])('%s is none that can be fetched', async (url) => {
    await expect(get(url)).rejects.toThrow(refused)
    expect(asked).toEqual([])
  })

  test.each(['http://user@example.com/', 'http://user:pass@example.com/', 'http://:pass@example.com/'])(
    '%s may not bring a user',
    async (url) => {
      await expect(get(url)).rejects.toThrow(refused)
      expect(asked).toEqual([])
    },
  )

  const address = (text: string): LookupAddress => ({ address: text, family: text.includes(':') ? 6 : 4 })
  test.each([
    ['one private address', ['127.0.0.1']],
    ['a public address and a private one', ['93.184.215.14', '127.0.0.1']],
    ['a private address and a public one', ['127.0.0.1', '93.184.215.14']],
    ['the metadata of a cloud', ['169.254.169.254']],
    ['a mapped address', ['::ffff:127.0.0.1']],
    ['IPv6 loopback beside a public address', ['2606:4700:4700::1111', '::1']],
    ['nothing', []],
    ['no address', ['localhost']],
  ])('whose name leads to %s opens no connection', async (_, found) => {
    answers = found.map(address)
    await expect(get('http://innocent.example:PORT/')).rejects.toThrow(refused)
    expect([connections, asked]).toEqual([0, ['innocent.example']])
  })

  test.each(['localhost', 'localhost.', 'LOCALHOST', 'foo.localhost'])(
    'of %s is judged by where it leads',
    async (host) => {
      answers = [address('127.0.0.1')]
      await expect(get(`http://${host}:PORT/`)).rejects.toThrow(refused)
      expect(connections).toBe(0)
    },
  )

  test('whose name does not resolve is unreachable', async () => {
    const nowhere = createEgress({
      connectTimeoutMs: 1000,
      resolve: (_, done) => done(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []),
    })
    const request = { method: 'GET' as const, url: 'http://nowhere.example/', headers: {}, signal }
    await expect(nowhere.sendGuarded(request)).rejects.toMatchObject({ reason: 'provider_unreachable' })
    await nowhere.close()
  })

  test('is not told where it led', async () => {
    answers = [address('10.11.12.13')]
    const error: unknown = await get('http://innocent.example/').catch((thrown: unknown) => thrown)
    expect(String(error)).not.toContain('10.11.12.13')
  })

  test('is guarded by nothing but this: the operator may well ask the same address', async () => {
    const answer = await egress.send({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, signal })
    expect([answer.status, await answer.text(), connections]).toEqual([200, 'secret', 1])
  })
})
