import { create } from '@bufbuild/protobuf'
import { type Alias, AliasSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { aliasName, readAliases } from '../core/alias.ts'
import type { AliasRule } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import { bringUpToDate, type ChangeParts } from './changes.ts'
import type { Providers } from './live.ts'

/** Every alias: those of the configuration first. */
export function listAliases(live: Providers): Alias[] {
  const configured = new Set(live.configuredAliases.map(({ name }) => name))
  return live.current.aliases.map((rule) => messageOf(rule, configured.has(rule.name)))
}

/**
 * Creates or replaces an alias. Throws `invalid_request` for targets that lead nowhere or back to it, also by way of others, and
 * `conflict` for a configured one.
 */
export async function setAlias({ name, targets }: Alias, parts: ChangeParts): Promise<Alias> {
  if (!aliasName.test(name))
    throw fail('invalid_request', 'alias.name: must be a model name, or a prefix ending in "*"', {
      param: 'alias.name',
    })
  refuseConfigured(name, parts.live)
  const rule: AliasRule = {
    name,
    targets: targets.map(({ provider, model, order, weight }) => ({
      provider,
      model,
      order,
      weight: weight === 0 ? 1 : weight,
    })),
  }
  requireWays(rule, parts.live)
  await parts.store.setAlias({ ...rule, updated: Date.now() })
  await bringUpToDate(parts)
  return messageOf(rule, false)
}

/** Deletes an alias. Throws `not_found`, and `conflict` for a configured one. */
export async function deleteAlias(name: string, parts: ChangeParts): Promise<void> {
  refuseConfigured(name, parts.live)
  await parts.store.deleteAlias(name)
  await bringUpToDate(parts)
}

function refuseConfigured(name: string, live: Providers): void {
  if (live.configuredAliases.some((rule) => rule.name === name))
    throw fail('conflict', `the alias "${name}" is declared in the configuration file; it can only be changed there`, {
      retryable: false,
    })
}

/** Reads all aliases as they would be: nothing that was right before may become wrong. */
function requireWays(rule: AliasRule, { current }: Providers): void {
  const providers = new Map(current.providers.map((provider) => [provider.record.name, provider]))
  const others = current.aliases.filter(({ name }) => name !== rule.name)
  const problem = readAliases([...others, rule], providers).problems.find(({ alias }) => alias === rule.name)
  if (problem !== undefined) throw fail('invalid_request', problem.message, { param: 'alias.targets' })
}

function messageOf({ name, targets }: AliasRule, configured: boolean): Alias {
  return create(AliasSchema, { name, targets: targets.map((target) => ({ ...target })), configured })
}
