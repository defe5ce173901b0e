/** A WAV file of silence: one channel of 16 bits, 8,000 times a second. */
export function wav(seconds: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(44 + seconds * 16_000)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(8000, 24)
  bytes.writeUInt32LE(16_000, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(seconds * 16_000, 40)
  return bytes
}

/** A form as a vendor's server reads it, by another reader than ours: its fields, and its file as text of one character a byte. */
export async function readForm(body: Uint8Array<ArrayBuffer>, contentType: string): Promise<Record<string, unknown>> {
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  const read: Record<string, unknown> = {}
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name)
    const [first] = values
    if (first instanceof File) {
      read[name] = { name: first.name, type: first.type, bytes: Buffer.from(await first.arrayBuffer()) }
    } else read[name] = name.endsWith('[]') || values.length > 1 ? values : first
  }
  return read
}
