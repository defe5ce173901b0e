/**
 * Methods of the inference contract that a model of that name and those modalities is likely to serve. Nothing without modalities.
 */
export function operationsOf(id: string, input: readonly string[], output: readonly string[]): string[] {
  if (/embed/i.test(id)) return ['embed']
  if (output.includes('text') && input.length > 0)
    return input.every((one) => one === 'audio') ? ['transcribe'] : chatOr(output)
  return mediaOf(output)
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
