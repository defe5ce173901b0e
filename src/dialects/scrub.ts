const longest = 2000

/** What must not reach a client in a vendor's words, in the order it is taken out. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>)\]}]+/gi, '[url]'],
  [/\bbearer\s+\S+/gi, '[credential]'],
  [
    /\b(?:sk|pk|rk|gsk|xai|csk|pplx|nvapi|hf|ghp|gho|ghu|r8|fw|tgp|key|token|api)[-_][A-Za-z0-9_*.-]{6,}/g,
    '[credential]',
  ],
  [/\bAIza[A-Za-z0-9_*-]{10,}/g, '[credential]'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g, '[credential]'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+/g, '[credential]'],
  [/\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_]{32,}\b/g, '[credential]'],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b/g, '[host]'],
  [/\[[0-9a-f:]{3,}\](?::\d{1,5})?/gi, '[host]'],
  [/\blocalhost(?::\d{1,5})?\b/gi, '[host]'],
  [
    /\b(?:[a-z0-9-]+\.)+(?:com|net|org|io|ai|dev|app|cloud|local|internal|svc|cn|eu|co|us|sh|xyz)(?::\d{1,5})?(?![\w-])/gi,
    '[host]',
  ],
]

/**
 * A vendor's message made safe to show: URLs, hosts and whatever looks like a credential taken out, control characters
 * and excess length too. `secrets` are values that must be gone whatever they look like.
 */
export function scrub(message: string, secrets: readonly string[] = []): string {
  let text = message
  for (const secret of secrets) if (secret.length > 3) text = text.replaceAll(secret, '[credential]')
  text = shortened(text)
  for (const [pattern, replacement] of patterns) text = text.replaceAll(pattern, replacement)
  // oxlint-disable-next-line no-control-regex -- control characters are what is removed
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ').trim()
}

/** The first words of a long message. None is cut in two: half a credential would not be known for one. */
function shortened(text: string): string {
  return text.length <= longest ? text : text.slice(0, longest).replace(/\S+$/, '')
}
