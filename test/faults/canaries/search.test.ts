import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { canaryOf, plant } from './canary.ts'
import { Evidence } from './evidence.ts'
import { Searcher } from './search.ts'

const key = plant('key')
const other = plant('other')
const searcher = new Searcher([key, other])
const found = (text: string | Buffer): string[] => [
  ...new Set(searcher.find(Buffer.from(text)).map(({ canary }) => canary)),
]

const percent = (text: string): string => text.replaceAll(/./g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
const escaped = (text: string): string => text.replaceAll(/./g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)

const leaks: Readonly<Record<string, (secret: string) => string | Buffer>> = {
  'as it is': (secret) => `{"level":"info","key":"${secret}"}`,
  'in a fragment of a quotation': (secret) => `Unexpected token, ..."${secret.slice(3, 18)}"... is not valid JSON`,
  'in base64': (secret) => Buffer.from(`user:${secret}`).toString('base64'),
  'in base64, one byte later': (secret) => Buffer.from(`users:${secret}`).toString('base64'),
  'in base64, two bytes later': (secret) => Buffer.from(`userss:${secret}`).toString('base64'),
  'in base64url': (secret) => Buffer.from(`{"k":"${secret}"}`).toString('base64url'),
  'in base64 in JSON in base64': (secret) => Buffer.from(JSON.stringify({ detail: secret })).toString('base64'),
  'in hex': (secret) => Buffer.from(secret).toString('hex'),
  'in upper-case hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'in a URL': (secret) => `GET /?key=${percent(secret)}`,
  'escaped in JSON': (secret) => `"${escaped(secret)}"`,
  'as a buffer in JSON': (secret) => JSON.stringify({ rawPacket: Buffer.from(`POST /${secret}`) }),
  'as a buffer that is inspected': (secret) => inspect(Buffer.from(secret)),
  'in lower case': (secret) => `http://${secret.toLowerCase()}.example`,
  'in two bytes a letter': (secret) => Buffer.from(secret, 'utf16le'),
}

test.each(Object.entries(leaks))('a canary is found %s', (_how, leak) => {
  expect(found(leak(key.text))).toEqual(['key'])
  expect(found(leak(plant('nobody looks for this').text))).toEqual([])
})

test('bytes that are no text are found too, in every form', () => {
  const bytes = Buffer.from('00ff10fe20fd30fc40fb50fa60f970f880f790f6a0f5b0f4c0f3d0f2e0f1f000', 'hex')
  const master = new Searcher([canaryOf('master', bytes)])
  for (const text of [
    bytes.toString('hex'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    JSON.stringify(bytes),
  ])
    expect(master.find(Buffer.from(text)).length).toBeGreaterThan(0)
  expect(master.find(bytes).filter(({ form }) => form === 'raw')).toHaveLength(4)
})

describe('what is taken as evidence', () => {
  test('has its canaries counted and told, with where they are', () => {
    const evidence = new Evidence([key, other])
    evidence.take('the log', `a ${key.text} b`)
    expect(evidence.leaks).toMatchObject([{ what: 'the log', canary: 'key', form: 'raw' }])
    expect(evidence.leaks[0]?.around).toContain('a ')
  })

  test('may show what it is said to show, and nothing else; that it did is known', () => {
    const evidence = new Evidence([key, other])
    evidence.take('an answer', `${key.text} ${other.text}`, ['other'])
    expect(evidence.leaks.map(({ canary }) => canary)).toEqual(['key'])
    expect(evidence.shown('other')).toBeGreaterThan(0)
    expect(evidence.shown('key')).toBe(0)
  })

  test('is unpacked before it is searched', () => {
    const evidence = new Evidence([key])
    evidence.take('an export', gzipSync(`a ${key.text}`))
    expect(evidence.leaks).toHaveLength(1)
  })

  test('is told once for each place, however many pieces of a canary are there', () => {
    const evidence = new Evidence([key])
    evidence.take('the log', `${key.text}\n${key.text}`)
    expect(evidence.leaks).toHaveLength(1)
  })
})
