import type { Row } from './dataset.ts'

/** One way to read a row's usage, and what genai-prices makes of it. */
export interface Reading {
  readonly row: Row
  readonly vendor: string
  readonly api: string
}

/** Readings whose price is deliberately another than that of genai-prices. */
export interface Explanation {
  readonly name: string
  readonly reason: string
  readonly covers: (reading: Reading) => boolean
}

/** The one list of them. */
export const explained: readonly Explanation[] = [
  {
    name: 'searches on azure',
    reason:
      "the usage counts web searches and the price has a rate for them, but genai-prices does not read that count of Anthropic's answers on Azure; we charge it",
    covers: ({ row, vendor, api }) => vendor === 'azure' && api === 'anthropic' && has(row, 'server_tool_use'),
  },
  {
    name: 'cache writes on azure',
    reason:
      "the usage counts tokens written to the cache and the price has a rate for them, but genai-prices does not read that count of OpenAI's answers on Azure; we charge it",
    covers: ({ row, vendor, api }) => vendor === 'azure' && api !== 'anthropic' && has(row, 'cache_write_tokens'),
  },
  {
    name: 'a model that nobody says is free',
    reason:
      'an empty list of prices is a price of 0 to genai-prices; to us it is no price, unless the model is said to be free',
    covers: ({ row, vendor }) => vendor === 'cerebras' && row.model === 'qwen-3-coder-480b',
  },
]

function has(row: Row, key: string): boolean {
  return JSON.stringify(row.usage).includes(`"${key}":`)
}

/**
 * True when genai-prices tried the reader of embeddings on an answer that is none, which leaves its output out. No gateway does that:
 * such a reading says nothing about us. The same answer is read as what it is by the vendor's other reader, and counted there.
 */
export function isMisread({ row, api }: Reading): boolean {
  return api === 'embeddings' && has(row, 'completion_tokens')
}
