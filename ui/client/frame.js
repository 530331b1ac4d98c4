// A frame is one binary message: a 4-byte header length, a JSON header, then raw arrays.
// In the header, an array stands as {"$": [dtype, byteOffset, length, rows?, scale?, squared?]}.

const ARRAY_TYPES = {
  f4: Float32Array, i4: Int32Array, u4: Uint32Array,
  i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
};

class Frame {
  constructor(bytes) {
    // The arrays need aligned offsets, and the view that arrives may start anywhere.
    const buffer = bytes.slice().buffer;
    const headerLength = new DataView(buffer).getUint32(0, true);
    const header = new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength));
    Object.assign(this, JSON.parse(header));
    this.buffer = buffer;
    this.base = Math.ceil((4 + headerLength) / 8) * 8;
    this.size = bytes.byteLength;
  }

  // The value of one entry: decoded when it is asked for, so that a skipped frame costs nothing.
  value(entry) {
    if (entry === null || typeof entry !== "object" || !entry.$) return entry;
    const [dtype, offset, length, rows, scale, squared] = entry.$;
    let array = new ARRAY_TYPES[dtype](this.buffer, this.base + offset, length);
    if (scale) {
      const root = Float32Array.from(array, (q) => q * scale);
      array = squared ? root.map((q) => q * q) : root;
    }
    if (!rows) return array;
    const columns = length / rows;
    return Array.from({ length: rows }, (_, row) => array.subarray(row * columns, (row + 1) * columns));
  }
}
