import type { DescMethod, Message } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, test } from 'vitest'
import { serverDialects } from '../../src/dialects/servers.ts'
import { isOffered, permissions, services } from '../../src/server/policy.ts'
import { keyEntry, sharedGateway } from './gateway.ts'
import { askPath, askRoute, callMethod, emptyOf, type Heard, messagesWith, routesOf } from './isolation/asking.ts'
import { makeTenant, type Role, roles, type Tenant } from './isolation/tenants.ts'

/*
 * Who may do what, and what of others they may see: generated from the contract and from the dialects' routes, so that what is added
 * to either is asked here too.
 */

const admin = 'the-admin-key'
const gateway = await sharedGateway({ config: { keys: [keyEntry('root', admin, { permissions: ['admin'] })] } })

let red: Tenant
let blue: Tenant
beforeAll(async () => {
  red = await makeTenant(gateway, admin, 'red-company')
  blue = await makeTenant(gateway, admin, 'blue-company')
})

const policy = permissions()
const methods = Object.values(services).flatMap(({ methods: all }) => all as readonly DescMethod[])
/** What makes things, or calls that are logged, comes last, after the routes too: the names that are put into it are seen again, by whoever put them there. */
const offered = methods.filter(isOffered).toSorted((one, other) => Number(makes(one)) - Number(makes(other)))
const routes = routesOf(serverDialects)
const roleNames = Object.keys(roles) as Role[]

function makes({ name }: DescMethod): boolean {
  return /^(?:Create|Update|Set|Upload|Chat|StreamChat|CountTokens)/.test(name)
}

function holds(role: Role, permission: string): boolean {
  const held: readonly string[] = roles[role] ?? []
  return held.includes(permission) || held.includes('admin')
}

test('an admin sees both accounts, and each account itself', async () => {
  const usage = routes.find(({ path }) => path.endsWith('/usage'))
  const list = async (token: string): Promise<string> =>
    (await askPath(gateway.url, token, 'GET', `${usage?.path ?? ''}?limit=1000`)).text
  const [all, own, other] = await Promise.all([list(admin), list(red.tokens.viewer), list(blue.tokens.viewer)])
  expect([all.includes('red-company-call-1'), all.includes('blue-company-call-1')]).toEqual([true, true])
  expect([own.includes('red-company-call-1'), own.includes('blue-company-call-1')]).toEqual([true, false])
  expect([other.includes('red-company-call-1'), other.includes('blue-company-call-1')]).toEqual([false, true])
})

describe.each(roleNames)('as %s', (role) => {
  test('every method lets in whom its policy names, and nobody else', async () => {
    const seen: Record<string, string> = {}
    const due: Record<string, unknown> = {}
    for (const method of methods) {
      const name = `${method.parent.name}/${method.name}`
      const { code } = await callMethod(gateway.url, red.tokens[role], method, emptyOf(method.input))
      seen[name] = code
      const permission = policy.get(method) ?? ''
      if (role === 'anonymous') due[name] = 'Unauthenticated'
      else if (!holds(role, permission)) due[name] = 'PermissionDenied'
      else if (!isOffered(method)) due[name] = 'Unimplemented'
      else
        due[name] = expect.not.stringMatching(/^(?:Unauthenticated|PermissionDenied|Unimplemented|Internal|Unknown)$/)
    }
    expect(seen).toEqual(due)
  })

  test('every route lets in whom its policy names, and nobody else', async () => {
    const seen: Record<string, string> = {}
    const due: Record<string, unknown> = {}
    for (const { method, path, permission } of routes) {
      const name = `${method} ${path}`
      seen[name] = (await askPath(gateway.url, red.tokens[role], method, path.replaceAll(/:\w+/g, 'x'))).code
      if (role === 'anonymous') due[name] = '401'
      else if (!holds(role, permission)) due[name] = '403'
      else due[name] = expect.not.stringMatching(/^(?:401|403|5\d\d)$/)
    }
    const asking = serverDialects.flatMap(({ chat, counts = [], operations = [] }) => [
      ...chat,
      ...counts,
      ...operations,
    ])
    for (const { path } of asking) {
      seen[path] = (await askPath(gateway.url, red.tokens[role], 'POST', path.replaceAll(/\*/g, 'x'))).code
      if (role === 'anonymous') due[path] = '401'
      // What such a key lacks is told once it is known what is asked for.
      else due[path] = expect.stringMatching(/^4(?!01)\d\d$/)
    }
    expect(seen).toEqual(due)
  })
})

/** What of the other account is in what was heard, beside what was asked for. */
function leaks(heard: Heard, asked: string, of: Tenant): string[] {
  const text = heard.text.replaceAll(asked, '')
  return of.marks.filter((mark) => mark !== asked && text.includes(mark))
}

/** A message with an id of the other account somewhere in it. */
interface Question {
  readonly id: string
  readonly path: string
  readonly message: Message
}

/** The same question about something that is not there. */
function absent(id: string): string {
  return id.replaceAll(/[0-9a-f]/g, (digit) => (digit === '0' ? '1' : '0'))
}

describe('a key of another account with every permission but admin', () => {
  test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s: sees nothing of the other, whatever it puts into path or query',
    async (_name, route) => {
      for (const id of blue.ids) {
        const heard = await askRoute(gateway.url, red.tokens.all, route, id)
        expect(heard.flatMap((one) => leaks(one, id, blue))).toEqual([])
        const missing = await askRoute(gateway.url, red.tokens.all, route, absent(id))
        const refused = heard.map(({ code, text }) => (code === '404' ? text.replaceAll(id, '…') : ''))
        expect(missing.map(({ code, text }) => (code === '404' ? text.replaceAll(absent(id), '…') : ''))).toEqual(
          refused,
        )
      }
    },
    60_000,
  )

  test.each(offered.map((method) => [`${method.parent.name}/${method.name}`, method] as const))(
    '%s: sees nothing of the other, whatever it puts into any field',
    async (_name, method) => {
      const look = async ({ id, path, message }: Question): Promise<void> => {
        const heard = await callMethod(gateway.url, red.tokens.all, method, message)
        expect([path, id, leaks(heard, id, blue)]).toEqual([path, id, []])
        const missing = messagesWith(method.input, absent(id)).find((other) => other.path === path)
        if (missing === undefined || heard.code !== 'NotFound') return
        const other = await callMethod(gateway.url, red.tokens.all, method, missing.message)
        expect([path, other.code, other.text.replaceAll(absent(id), '…')]).toEqual([
          path,
          heard.code,
          heard.text.replaceAll(id, '…'),
        ])
      }
      const asked = blue.ids.flatMap((id) => messagesWith(method.input, id).map((one) => ({ id, ...one })))
      // Streams take their time to say nothing.
      if (method.methodKind === 'server_streaming') await Promise.all(asked.map(look))
      else for (const one of asked) await look(one)
    },
    60_000,
  )
})
