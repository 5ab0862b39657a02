/// Maps byte strings to token ids and back.
///
/// Keys are bytes because `String` compares by canonical equivalence: a vocabulary may hold both
/// the composed and the decomposed "é", which are one key of a dictionary of strings.
struct ByteStringTable: Sendable {
  private var arena: [UInt8] = []
  /// Start and end in the arena by id; a hole has a negative start.
  private var starts: [Int32] = []
  private var ends: [Int32] = []
  /// Open addressing: an id, or -1.
  private var slots: [Int32]
  private(set) var count = 0
  /// Ids whose strings are found under others.
  private var aliases: Set<Int32> = []

  init(capacity: Int) {
    var slotCount = 64
    while slotCount < capacity * 2 { slotCount *= 2 }
    slots = Array(repeating: -1, count: slotCount)
  }

  /// One more than the greatest id.
  var idLimit: Int { starts.count }

  /// Adds a string under an id. False if the string or the id is already taken.
  mutating func insert(_ string: some Collection<UInt8>, id: Int32) -> Bool {
    let bytes = Array(string)
    if find(bytes) != nil || self[id] != nil { return false }
    if (count + 1) * 2 > slots.count { grow() }
    while starts.count <= Int(id) {
      starts.append(-1)
      ends.append(-1)
    }
    starts[Int(id)] = Int32(arena.count)
    arena.append(contentsOf: bytes)
    ends[Int(id)] = Int32(arena.count)
    count += 1
    place(id, hash: bytes.withUnsafeBufferPointer(hashBytes))
    return true
  }

  /// Gives an id a string that is found under another one. Nothing happens if the id is taken.
  mutating func insertSpelling(_ string: some Collection<UInt8>, id: Int32) {
    if self[id] != nil { return }
    aliases.insert(id)
    while starts.count <= Int(id) {
      starts.append(-1)
      ends.append(-1)
    }
    starts[Int(id)] = Int32(arena.count)
    arena.append(contentsOf: string)
    ends[Int(id)] = Int32(arena.count)
  }

  subscript(id: Int32) -> [UInt8]? {
    guard id >= 0, Int(id) < starts.count, starts[Int(id)] >= 0 else { return nil }
    return Array(arena[Int(starts[Int(id)])..<Int(ends[Int(id)])])
  }

  func find(_ bytes: [UInt8]) -> Int32? { bytes.withUnsafeBufferPointer { find($0) } }

  func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashBytes(bytes)) & mask
    while slots[slot] >= 0 {
      let id = Int(slots[slot])
      let start = Int(starts[id])
      if Int(ends[id]) - start == bytes.count, matches(bytes, at: start) { return Int32(id) }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private func matches(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
    arena.withUnsafeBufferPointer { arena in
      for index in 0..<bytes.count where arena[start + index] != bytes[index] { return false }
      return true
    }
  }

  private mutating func place(_ id: Int32, hash: UInt64) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] >= 0 { slot = (slot + 1) & mask }
    slots[slot] = id
  }

  private func isAlias(_ id: Int) -> Bool { aliases.contains(Int32(id)) }

  private mutating func grow() {
    slots = Array(repeating: -1, count: slots.count * 2)
    for id in starts.indices where starts[id] >= 0 && !isAlias(id) {
      let hash = arena[Int(starts[id])..<Int(ends[id])].withUnsafeBufferPointer(hashBytes)
      place(Int32(id), hash: hash)
    }
  }
}

/// FNV-1a over eight bytes at a time, its high bits folded down because tables use the low ones.
@inline(__always)
func hashBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
  let prime: UInt64 = 0x0000_0100_0000_01B3
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
  let raw = UnsafeRawBufferPointer(bytes)
  var position = 0
  while position + 8 <= bytes.count {
    hash = (hash ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)) &* prime
    hash ^= hash >> 29
    position += 8
  }
  while position < bytes.count {
    hash = (hash ^ UInt64(bytes[position])) &* prime
    position += 1
  }
  hash = (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15
  return hash ^ hash >> 32
}
