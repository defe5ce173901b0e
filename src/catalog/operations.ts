/**
 * Methods of the inference contract that a model of that name and those modalities is likely to serve. Nothing without modalities.
 */
export function operationsOf(id: string, input: readonly string[], output: readonly string[]): string[] {
  const named = namedOperations(id)
  if (named.includes('embed') || named.includes('infer')) return named
  if (output.includes('text') && input.length > 0)
    return input.every((one) => one === 'audio') ? ['transcribe'] : chatOr(output)
  return mediaOf(output)
}

/** Words in the names of models that are made for one thing, and no chat. */
const words: readonly (readonly [RegExp, string])[] = [
  [/rerank|moderation/i, 'infer'],
  [/embed/i, 'embed'],
  [/\b(?:whisper|transcri(?:be|ption))\b/i, 'transcribe'],
  [/tts\b|\bspeech\b/i, 'synthesize'],
  [/\b(?:dall-e|gpt-image|imagen|images?)\b/i, 'generateImages'],
  [/\b(?:sora|veo|videos?)\b/i, 'createVideo'],
]

/** Methods of the inference contract that the name alone speaks for; nothing where it is one like those of chats. */
export function namedOperations(id: string): string[] {
  return words.flatMap(([word, operation]) => (word.test(id) ? [operation] : [])).slice(0, 1)
}

function chatOr(output: readonly string[]): string[] {
  return ['chat', ...mediaOf(output.filter((one) => one === 'image'))]
}

function mediaOf(output: readonly string[]): string[] {
  return [
    ...(output.includes('image') ? ['generateImages'] : []),
    ...(output.includes('audio') ? ['synthesize'] : []),
    ...(output.includes('video') ? ['createVideo'] : []),
  ]
}
