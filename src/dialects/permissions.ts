/** Everything that a key can be allowed to do. `admin` has all the others with it, for every account. */
export const permissions = [
  'models:use',
  'usage:read',
  'requests:read',
  'providers:read',
  'providers:write',
  'keys:write',
  'batches:write',
  'admin',
] as const

/** What a caller must be allowed to do, to use a route or method. */
export type Permission = (typeof permissions)[number]

/** Whether a word is a permission. */
export function isPermission(word: string): word is Permission {
  return (permissions as readonly string[]).includes(word)
}
