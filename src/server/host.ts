const nameShape = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
const pathShape = /^\/(?![/\\])[!-~\u0080-\uffff]*$/
const absoluteShape = /^https?:\/\/([^/?#]*)(.*)$/i
const remembered = 32

/**
 * Makes a check of `Host` and `:authority` values. True means that a URL can be built from the value: code behind the
 * port does that outside any try, so a value that breaks it would end the process. The last good values are
 * remembered, so that the same clients cost one set lookup each time.
 */
export function hostCheck(): (host: string) => boolean {
  const good = new Set<string>()
  return (host) => {
    if (good.has(host)) return true
    if (!nameShape.test(host) || !URL.canParse(`http://${host}/`)) return false
    if (good.size >= remembered) good.clear()
    good.add(host)
    return true
  }
}

/**
 * The one `Host` among the raw header lines of an HTTP/1 request (names and values in turn); undefined when there is
 * none or more than one, where proxies and servers would disagree on which counts.
 */
export function onlyHost(lines: readonly string[]): string | undefined {
  let host: string | undefined
  for (let at = 0; at < lines.length; at += 2) {
    if (lines[at]?.length !== 4 || lines[at]?.toLowerCase() !== 'host') continue
    if (host !== undefined) return undefined
    host = lines[at + 1]
  }
  return host
}

/** Whether two spellings name the same authority. */
export function sameHost(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase()
}

/**
 * The path (and query) of a request target. An absolute `http://host/path` (RFC 9112, 3.2.2) is taken when it names the
 * same host as the request; undefined for anything else, such as `//host/path`, which a URL parser would take for a host.
 */
export function pathOf(target: string, host: string): string | undefined {
  if (pathShape.test(target)) return target
  const absolute = absoluteShape.exec(target)
  if (absolute === null || !sameHost(absolute[1] ?? '', host)) return undefined
  const path = absolute[2]?.startsWith('/') === true ? absolute[2] : `/${absolute[2] ?? ''}`
  return pathShape.test(path) ? path : undefined
}
