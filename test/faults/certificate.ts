import { generateKeyPairSync, sign } from 'node:crypto'

/** One ASN.1 element in DER. */
function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => element(0x30, ...contents)
const identifier = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))
const date = (text: string): Buffer => element(0x17, Buffer.from(text))

/** A self-signed certificate for "localhost" and its key as PEM, made anew so that no key lies in the repository. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))
  const name = sequence(element(0x31, sequence(identifier('550403'), element(0x0c, Buffer.from('localhost')))))
  const validity = sequence(date('200101000000Z'), date('491231235959Z'))
  const serial = element(0x02, Buffer.from([1]))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const statement = sequence(serial, ecdsaWithSha256, name, validity, name, spki)
  const signature = element(0x03, Buffer.from([0]), sign('sha256', statement, privateKey))
  const der = sequence(statement, ecdsaWithSha256, signature)
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n')
  const cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}
