import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'

type Node = Record<string, unknown>

/**
 * The request without what paths of the contract name, in the contract's own spelling: `messages[2].parts[0]`, `top_k`,
 * `reasoning.budget_tokens`; `messages[2].reasoning` is all the reasoning in a message. Throws for a path that names nothing.
 */
export function withoutParts(request: ChatRequest, paths: readonly string[]): ChatRequest {
  const copy = structuredClone(request)
  // Those that name parts by number first, before the numbers change.
  const inOrder = [...new Set(paths)].toSorted((one, other) => Number(isReasoning(one)) - Number(isReasoning(other)))
  for (const path of inOrder) remove(copy, path)
  for (const message of copy.messages) message.parts = message.parts.filter((part) => part !== undefined)
  return copy
}

function isReasoning(path: string): boolean {
  return /^messages\[\d+\]\.reasoning$/.test(path)
}

function remove(request: ChatRequest, path: string): void {
  if (isReasoning(path)) {
    const message = request.messages[Number(/\d+/.exec(path)?.[0])]
    if (message === undefined) throw new Error(`${path} names nothing`)
    message.parts = message.parts.filter((part) => part?.kind.case !== 'reasoning')
    return
  }
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '')
  const last = camelCase(steps.pop() ?? '')
  const owner = steps.reduce<unknown>((node, step) => memberOf(node, camelCase(step)), request)
  const holder = typeof owner === 'object' && owner !== null && !(last in owner) ? memberOf(owner, 'value') : owner
  if (typeof holder !== 'object' || holder === null || !(last in holder)) throw new Error(`${path} names nothing`)
  const whole = (holder as Node)[last]
  // Lists and maps of a message are never absent.
  if (Array.isArray(whole)) whole.length = 0
  else delete (holder as Node)[last]
}

/** A member, or a member of the one kind that a part or a tool is of. */
function memberOf(node: unknown, name: string): unknown {
  const own = (node ?? {}) as Node
  const { kind } = own as { kind?: { value?: Node } }
  return name === 'value' ? kind?.value : (own[name] ?? kind?.value?.[name])
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
}
