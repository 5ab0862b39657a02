/// Unpacks what gzip has packed (RFC 1951 and 1952), a part at a time.
struct Inflate {
  /// Why packed bytes cannot be unpacked.
  struct Damage: Error {
    let reason: String
  }

  /// Gives the next packed bytes; none at the end.
  private let read: () throws -> [UInt8]
  private var input: [UInt8] = []
  private var position = 0
  private var bits: UInt64 = 0
  private var bitCount = 0
  /// The last 32 KiB and what has been unpacked since they were given out.
  private var output: [UInt8] = []
  private var given = 0
  private var state = State.header
  private var checksum: UInt32 = 0
  private var length: UInt32 = 0

  private enum State {
    case header, block
    case stored(Int)
    case codes(Code, Code)
    case trailer, ended
  }

  private static let window = 1 << 15
  /// A part is given out when it has so many bytes.
  private static let part = 1 << 18

  init(_ read: @escaping () throws -> [UInt8]) { self.read = read }

  /// The next unpacked bytes; none at the end.
  ///
  /// - Throws: `Damage`, and what reading throws.
  mutating func next() throws -> [UInt8] {
    if output.count > Self.window {
      output.removeFirst(output.count - Self.window)
    }
    given = output.count
    while output.count - given < Self.part {
      if case .ended = state { break }
      try advance()
    }
    return Array(output[given...])
  }

  private mutating func advance() throws {
    switch state {
    case .header: try readHeader()
    case .block: try readBlock()
    case .stored(let count): try copyStored(count)
    case .codes(let literals, let distances): try decode(literals, distances)
    case .trailer: try readTrailer()
    case .ended: break
    }
  }

  // MARK: Bits

  private mutating func byte() throws -> UInt8? {
    if position == input.count {
      input = try read()
      position = 0
      if input.isEmpty { return nil }
    }
    position += 1
    return input[position - 1]
  }

  private mutating func fill(_ count: Int) throws {
    while bitCount < count {
      guard let byte = try byte() else { throw Damage(reason: "it ends within its packed bytes") }
      bits |= UInt64(byte) << UInt64(bitCount)
      bitCount += 8
    }
  }

  private mutating func take(_ count: Int) throws -> Int {
    if count == 0 { return 0 }
    try fill(count)
    let value = bits & (1 << UInt64(count) - 1)
    bits >>= UInt64(count)
    bitCount -= count
    return Int(value)
  }

  private mutating func alignToByte() {
    bits >>= UInt64(bitCount % 8)
    bitCount -= bitCount % 8
  }

  // MARK: The file

  private mutating func readHeader() throws {
    guard try take(16) == 0x8B1F else { throw Damage(reason: "it does not begin as gzip does") }
    guard try take(8) == 8 else {
      throw Damage(reason: "it is packed by another method than deflate")
    }
    let flags = try take(8)
    _ = try take(48)
    if flags & 4 != 0 { for _ in 0..<(try take(16)) { _ = try take(8) } }
    for flag in [8, 16] where flags & flag != 0 {
      // A name and a comment, each ended by a 0.
      while try take(8) != 0 {}
    }
    if flags & 2 != 0 { _ = try take(16) }
    checksum = 0
    length = 0
    isLast = false
    state = .block
  }

  private var isLast = false

  private mutating func readTrailer() throws {
    alignToByte()
    let expected = UInt32(try take(16)) | UInt32(try take(16)) << 16
    let size = UInt32(try take(16)) | UInt32(try take(16)) << 16
    guard expected == checksum, size == length else {
      throw Damage(reason: "its bytes are not those that were packed (the checksum differs)")
    }
    // Several packed files may stand behind each other.
    if bitCount == 0, try peek() == nil { state = .ended } else { state = .header }
  }

  private mutating func peek() throws -> UInt8? {
    guard let byte = try byte() else { return nil }
    position -= 1
    return byte
  }

  private mutating func readBlock() throws {
    if isLast {
      state = .trailer
      return
    }
    isLast = try take(1) == 1
    switch try take(2) {
    case 0:
      alignToByte()
      let count = try take(16)
      guard try take(16) == count ^ 0xFFFF else {
        throw Damage(reason: "the length of a stored block is damaged")
      }
      state = .stored(count)
    case 1: state = .codes(Code.fixedLiterals, Code.fixedDistances)
    case 2: try readCodes()
    default: throw Damage(reason: "a block is of an unknown kind")
    }
  }

  private mutating func copyStored(_ count: Int) throws {
    let part = min(count, Self.part)
    for _ in 0..<part { append(UInt8(try take(8))) }
    state = part == count ? .block : .stored(count - part)
  }

  private mutating func append(_ byte: UInt8) {
    output.append(byte)
    checksum = Checksum.updated(checksum, byte)
    length &+= 1
  }

  // MARK: Codes

  private mutating func readCodes() throws {
    let literalCount = try take(5) + 257
    let distanceCount = try take(5) + 1
    let lengthCount = try take(4) + 4
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    var lengths = [Int](repeating: 0, count: 19)
    for index in 0..<lengthCount { lengths[order[index]] = try take(3) }
    let code = try Code(lengths)
    var all: [Int] = []
    while all.count < literalCount + distanceCount {
      switch try symbol(code) {
      case 16:
        guard let last = all.last else { throw Damage(reason: "a code repeats nothing") }
        all += Array(repeating: last, count: try take(2) + 3)
      case 17: all += Array(repeating: 0, count: try take(3) + 3)
      case 18: all += Array(repeating: 0, count: try take(7) + 11)
      case let length: all.append(length)
      }
    }
    guard all.count == literalCount + distanceCount else {
      throw Damage(reason: "a block's codes are damaged")
    }
    state = .codes(
      try Code(Array(all[..<literalCount])), try Code(Array(all[literalCount...])))
  }

  private mutating func symbol(_ code: Code) throws -> Int {
    var value = 0
    var first = 0
    var index = 0
    for length in 1...15 {
      value |= try take(1)
      let count = code.counts[length]
      if value - count < first { return code.symbols[index + value - first] }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw Damage(reason: "a code is none that the block has")
  }

  private static let lengthBases = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
    3073, 4097, 6145, 8193, 12289, 16385, 24577,
  ]

  private mutating func decode(_ literals: Code, _ distances: Code) throws {
    while output.count - given < Self.part {
      let symbol = try symbol(literals)
      if symbol < 256 {
        append(UInt8(symbol))
        continue
      }
      if symbol == 256 {
        state = .block
        return
      }
      guard symbol - 257 < Self.lengthBases.count else {
        throw Damage(reason: "a code is none that the block has")
      }
      let count = Self.lengthBases[symbol - 257] + (try take(Self.lengthBits[symbol - 257]))
      let code = try self.symbol(distances)
      guard code < Self.distanceBases.count else {
        throw Damage(reason: "a code is none that the block has")
      }
      let distance = Self.distanceBases[code] + (try take(code < 2 ? 0 : code / 2 - 1))
      guard distance <= output.count else {
        throw Damage(reason: "it repeats bytes from before its start")
      }
      for _ in 0..<count { append(output[output.count - distance]) }
    }
  }

  /// A canonical Huffman code: how many symbols have a code of each length, and the symbols in the
  /// order of their codes.
  struct Code {
    let counts: [Int]
    let symbols: [Int]

    init(_ lengths: [Int]) throws {
      var counts = [Int](repeating: 0, count: 16)
      for length in lengths where length > 0 { counts[length] += 1 }
      var left = 1
      for length in 1...15 {
        left = left << 1 - counts[length]
        if left < 0 { throw Damage(reason: "a block has more codes than fit") }
      }
      self.init(counts, lengths)
    }

    private init(_ counts: [Int], _ lengths: [Int]) {
      self.counts = counts
      symbols = lengths.indices.filter { lengths[$0] > 0 }
        .sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    }

    private init(fixed lengths: [Int]) {
      var counts = [Int](repeating: 0, count: 16)
      for length in lengths { counts[length] += 1 }
      self.init(counts, lengths)
    }

    static let fixedLiterals = Code(
      fixed: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    static let fixedDistances = Code(fixed: Array(repeating: 5, count: 30))
  }
}

/// CRC-32 of gzip.
private enum Checksum {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in
      value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1
    }
  }

  static func updated(_ checksum: UInt32, _ byte: UInt8) -> UInt32 {
    ~(table[Int(UInt8(truncatingIfNeeded: ~checksum) ^ byte)] ^ ~checksum >> 8)
  }
}
