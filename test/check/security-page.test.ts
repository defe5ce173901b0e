import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { serverDialects } from '../../src/dialects/servers.ts'
import { permissions as known } from '../../src/dialects/permissions.ts'
import { permissions, services } from '../../src/server/policy.ts'

/** The row of the page's table for a permission: what it says of RPC and of routes. */
function row(permission: string): { readonly rpc: string; readonly routes: string } {
  const line = readFileSync('docs/security.md', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`| \`${permission}\` |`))
  const [, , rpc = '', routes = ''] = line?.split('|') ?? []
  return { rpc, routes }
}

test.each([...known])('docs/security.md says which methods need %s', (permission) => {
  const { rpc } = row(permission)
  for (const service of Object.values(services)) {
    const methods = service.methods.filter((method) => permissions().get(method) === permission)
    const isWhole = methods.length === service.methods.length && rpc.includes(`\`${service.name}\``)
    for (const { name } of service.methods) {
      const needs = methods.some((method) => method.name === name)
      expect(rpc.includes(`\`${name}\``), name).toBe(needs && !isWhole)
    }
  }
})

test.each([...known])('docs/security.md says which routes need %s', (permission) => {
  const { routes } = row(permission)
  const declared = serverDialects
    .flatMap((dialect) => dialect.routes)
    .map((route) => [route.permission, `${route.method} ${route.path}`] as const)
  expect(declared.length).toBeGreaterThan(8)
  const needing = declared.filter(([needed]) => needed === permission).map(([, route]) => route)
  const named = [...routes.matchAll(/`((?:GET|POST|PUT|DELETE) [^`]+)`/g)].map(([, route = '']) => route)
  expect(named.toSorted()).toEqual(needing.toSorted())
})
