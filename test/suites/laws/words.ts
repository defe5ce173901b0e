import type { JsonObject } from '@bufbuild/protobuf'
import * as fc from 'fast-check'

/** Texts that formats trip over: quotes, line ends, JSON, letters beyond the first plane. Never empty. */
export const words: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.constantFrom(
    'a "quoted" word',
    'line\nline\r\n',
    '{"not":"parsed"}',
    '𝕏 and é',
    '<think>',
    'data: [DONE]\n\n',
    '0',
    ' ',
  ),
)

/** Names as every format takes them. */
export const keyword: fc.Arbitrary<string> = fc.stringMatching(/^[a-z][a-z0-9_]{0,7}$/)

/** A small JSON object, as the arguments of a call are. */
export const object: fc.Arbitrary<JsonObject> = fc.dictionary(
  keyword,
  fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null), fc.array(words, { maxLength: 2 })),
  { maxKeys: 3 },
)
