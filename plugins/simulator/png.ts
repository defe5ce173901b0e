import { crc32, deflateSync } from 'node:zlib'

/** A colour: red, green and blue, from 0 to 255. */
export type Colour = readonly [number, number, number]

/** A picture of coloured cells, as wide and as high as it is said, as a PNG file. */
export function drawPng(width: number, height: number, palette: readonly Colour[], cell: CellColour): Uint8Array {
  // One byte a pixel, the place of its colour in the palette; each line begins with its filter, which is none.
  const lines = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) {
    const start = y * (width + 1) + 1
    const row = Math.floor((y * cells) / height)
    if (y > 0 && row === Math.floor(((y - 1) * cells) / height)) {
      lines.copy(lines, start, start - width - 1, start - 1)
      continue
    }
    for (let x = 0; x < width; x++) lines[start + x] = cell(Math.floor((x * cells) / width), row)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // Eight bits, colours by palette.
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(lines, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** The place in the palette of the cell at a column and a row, both from 0 up to {@link cells}. */
export type CellColour = (column: number, row: number) => number

/** Cells on each side of a picture. */
export const cells = 8

function chunk(type: string, data: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(typed.length + 8)
  framed.writeUInt32BE(data.length, 0)
  typed.copy(framed, 4)
  framed.writeUInt32BE(crc32(typed), typed.length + 4)
  return framed
}
