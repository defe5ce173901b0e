import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ways } from '../faults/ways.ts'
import { saying, sharedGateway } from './gateway.ts'

const origin = 'https://app.example.com'
const gateway = await sharedGateway({ config: { server: { cors: { origins: [origin, 'http://localhost:5173'] } } } })
const anyone = await sharedGateway({ config: { server: { cors: { origins: ['*'] } } } })
const closed = await sharedGateway()
const chat = '/v1/chat/completions'

/** The names of an answer that are about other origins. */
function corsOf({ headers }: Response): string[] {
  return [...headers.keys()].filter((name) => name.startsWith('access-control'))
}

/** Headers that a page may send to everyone without asking. */
const simple = new Set(['accept', 'accept-language', 'content-language'])

/** A fetch that keeps to what browsers do for a page of the origin: they ask first, and give only what is allowed. */
function browser(page: string): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const names = [...request.headers.keys()].filter((name) => !simple.has(name)).toSorted()
    const preflight = await fetch(request.url, {
      method: 'OPTIONS',
      headers: {
        origin: page,
        'access-control-request-method': request.method,
        'access-control-request-headers': names.join(','),
      },
    })
    const list = (name: string): string[] => preflight.headers.get(name)?.toLowerCase().split(/, */) ?? []
    const allowed = list('access-control-allow-headers')
    const blocked = names.filter(
      (name) => !allowed.includes(name) && (name === 'authorization' || !allowed.includes('*')),
    )
    const methods = list('access-control-allow-methods')
    const asked = request.method.toLowerCase()
    if (!preflight.ok || blocked.length > 0 || !(methods.includes(asked) || methods.includes('*')))
      throw new TypeError(`blocked: ${preflight.status} ${blocked.join()}`)
    request.headers.set('origin', page)
    const answer = await fetch(request)
    const to = answer.headers.get('access-control-allow-origin')
    if (to !== '*' && to !== page) throw new TypeError(`the answer is for ${to}`)
    return answer
  }
}

function pageOf(page: string, { url } = gateway): OpenAI {
  return new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'sk-none',
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
    fetch: browser(page),
  })
}

const echo = { model: 'simulator/echo', messages: saying('Hello') }

describe('without an allow-list', () => {
  test('nothing is ever said about other origins', async () => {
    for (const way of ways) {
      const headers = { origin, 'content-type': 'application/json' }
      const asked = { origin, 'access-control-request-method': 'POST' }
      const preflight = await fetch(closed.url + way.path(false), { method: 'OPTIONS', headers: asked })
      expect([preflight.status, corsOf(preflight)]).toEqual([405, []])
      expect(corsOf(await fetch(closed.url + way.path(false), { method: 'POST', headers, body: '{}' }))).toEqual([])
    }
    for (const path of ['/v1/models', '/api/v1/inference/providers', '/healthz', '/openapi.json', '/nothing'])
      expect(corsOf(await fetch(closed.url + path, { headers: { origin } }))).toEqual([])
  })
})

describe('with an allow-list', () => {
  test("an allowed page can use the official SDK, whole and streamed, and see the gateway's headers", async () => {
    const client = pageOf(origin)
    const { data, response } = await client.chat.completions.create(echo).withResponse()
    expect(data.choices[0]?.message.content).toContain('Hello')
    expect(response.headers.get('access-control-expose-headers')).toMatch(/(^|, )(\*|x-request-id)(,|$)/)
    const stream = client.chat.completions.stream(echo)
    expect(await stream.finalContent()).toContain('Hello')
    expect((await client.models.list()).data.length).toBeGreaterThan(0)
  })

  test('an allowed page is told of errors in their own words', async () => {
    const failure = pageOf(origin).chat.completions.create({ ...echo, model: 'nobody/none' })
    await expect(failure).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  test('every dialect takes the calls of an allowed page', async () => {
    for (const way of ways) {
      const body = JSON.stringify(way.body('simulator/echo', true))
      const headers = { 'content-type': 'application/json', 'x-api-key': 'k', 'x-selected-account-id': 'a' }
      const answer = await browser('http://localhost:5173')(gateway.url + way.path(true), {
        method: 'POST',
        headers,
        body,
      })
      expect([answer.status, way.stopped(await answer.text())]).toEqual([200, true])
    }
  })

  test('another page gets nothing', async () => {
    for (const other of ['https://evil.example.com', `${origin}.evil.example`, 'http://app.example.com', 'null']) {
      await expect(pageOf(other).chat.completions.create(echo)).rejects.toThrow('Connection error')
      const answer = await fetch(gateway.url + chat, { method: 'POST', headers: { origin: other } })
      expect(corsOf(answer)).toEqual([])
    }
  })

  test('a caller that is no page sees nothing of it', async () => {
    expect(corsOf(await fetch(`${gateway.url}/v1/models`))).toEqual([])
  })

  test('answers differ by origin, and say so to caches', async () => {
    const answer = await fetch(`${gateway.url}/v1/models`, { headers: { origin } })
    expect(answer.headers.get('vary')).toMatch(/origin/i)
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
  })

  test('a star allows every page', async () => {
    const { choices } = await pageOf('https://whoever.example', anyone).chat.completions.create(echo)
    expect(choices).toHaveLength(1)
  })
})
