import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { type TokenIds, TokenIdsSchema } from '#gen/switchyard/v1/text_pb.ts'

// Texts that a model reads as they are, as requests for embeddings and raw completions have them.

const tokenIds = z.array(z.int().min(0).max(0xffff_ffff)).min(1)

/** A text, several, the ids of one text's tokens, or those of several; `most` texts at most, none of them shorter than `least` characters. */
export function textInput(most: number, least: number) {
  const text = z.string().min(least)
  const expected = `expected a text, token ids, or a list of 1 to ${most} of either`
  return z.union([text, z.array(text).min(1).max(most), tokenIds, z.array(tokenIds).min(1).max(most)], {
    error: ({ code }) => (code === 'invalid_union' ? expected : undefined),
  })
}

/** A checked {@link textInput}. */
export type TextInput = z.infer<ReturnType<typeof textInput>>

/** One text, in the contract's terms. */
export type InputKind =
  | { readonly case: 'text'; readonly value: string }
  | { readonly case: 'tokens'; readonly value: TokenIds }

/** The texts of an input, one by one. */
export function inputKinds(input: TextInput): InputKind[] {
  if (typeof input === 'string') return [{ case: 'text', value: input }]
  if (isIds(input)) return [tokens(input)]
  return input.map((one) => (typeof one === 'string' ? { case: 'text', value: one } : tokens(one)))
}

function isIds(input: readonly (string | number | readonly number[])[]): input is number[] {
  return typeof input[0] === 'number'
}

function tokens(ids: readonly number[]): InputKind {
  return { case: 'tokens', value: create(TokenIdsSchema, { ids: [...ids] }) }
}
