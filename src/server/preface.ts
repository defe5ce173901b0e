import type { Socket } from 'node:net'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/**
 * Waits for the first bytes of a connection and tells whether they are HTTP/2's preface (RFC 9113, 3.4). They stay
 * readable. A client that ends, or sends nothing that tells within `timeoutMs`, is cut and `decide` is never called.
 */
export function awaitPreface(socket: Socket, timeoutMs: number, decide: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0)
  const cut = () => socket.destroy()
  const stop = () => {
    clearTimeout(timer)
    socket.off('readable', look)
    socket.off('end', cut)
    socket.off('close', stop)
  }
  const look = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const compared = Math.min(seen.length, preface.length)
    const matches = preface.compare(seen, 0, compared, 0, compared) === 0
    if (matches && compared < preface.length) return
    stop()
    socket.unshift(seen)
    decide(matches)
  }
  const timer = setTimeout(cut, timeoutMs)
  socket.on('readable', look)
  socket.on('end', cut)
  socket.on('close', stop)
}
