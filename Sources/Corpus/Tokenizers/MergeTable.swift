/// The merges of a byte-pair encoding: for each pair of ids the rank of its merge (the lower, the
/// earlier) and the id that the pair becomes.
struct MergeTable: Sendable {
  struct Merge {
    var rank: UInt32
    var id: Int32
  }

  /// The rank of a pair that does not merge.
  static let none = Merge(rank: .max, id: -1)

  private struct Slot {
    var pair: UInt64
    var merge: Merge
  }

  private var slots: [Slot]
  private let shift: UInt64
  /// No pair of ids has this key: ids are not negative.
  private static let empty = UInt64.max

  /// - Parameter capacity: how many pairs will be inserted at most.
  init(capacity: Int) {
    var bits: UInt64 = 6
    while 1 << bits < capacity * 2 { bits += 1 }
    slots = Array(repeating: Slot(pair: Self.empty, merge: Self.none), count: 1 << bits)
    shift = 64 - bits
  }

  /// Sets the merge of a pair; a later one replaces an earlier one.
  mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, id: Int32) {
    let slot = slot(of: Self.key(left, right))
    slots[slot] = Slot(pair: Self.key(left, right), merge: Merge(rank: rank, id: id))
  }

  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> Merge {
    slots[slot(of: Self.key(left, right))].merge
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The slot that holds the pair, or the empty one where it would go.
  @inline(__always)
  private func slot(of pair: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> shift)
    while slots[slot].pair != pair, slots[slot].pair != Self.empty {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }
}

/// Storage that merging one word needs, kept from word to word.
struct MergeScratch {
  var symbols: [Int32] = []
  private var merges: [MergeTable.Merge] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  private var heap: [UInt64] = []

  /// Words of up to this many symbols are merged by scanning; longer ones with a heap, so that a
  /// text of n symbols without any split costs n log n.
  private static let scanLimit = 48

  /// Merges adjacent `symbols`, always the pair with the lowest rank and of equals the leftmost,
  /// until none is left.
  mutating func merge(with table: MergeTable) {
    if symbols.count < 2 { return }
    if symbols.count <= Self.scanLimit { mergeByScanning(table) } else { mergeWithHeap(table) }
  }

  private mutating func mergeByScanning(_ table: MergeTable) {
    merges.removeAll(keepingCapacity: true)
    for index in 1..<symbols.count {
      merges.append(table.find(symbols[index - 1], symbols[index]))
    }
    while !merges.isEmpty {
      var best = 0
      for index in 1..<merges.count where merges[index].rank < merges[best].rank { best = index }
      if merges[best].rank == MergeTable.none.rank { return }
      symbols[best] = merges[best].id
      symbols.remove(at: best + 1)
      merges.remove(at: best)
      if best > 0 { merges[best - 1] = table.find(symbols[best - 1], symbols[best]) }
      if best < merges.count { merges[best] = table.find(symbols[best], symbols[best + 1]) }
    }
  }

  private mutating func mergeWithHeap(_ table: MergeTable) {
    let count = symbols.count
    let gone: Int32 = -1
    previous = (0..<Int32(count)).map { $0 - 1 }
    next = (1...Int32(count)).map { $0 }
    heap.removeAll(keepingCapacity: true)
    for index in 1..<count { push(index - 1, table.find(symbols[index - 1], symbols[index]).rank) }
    while let (position, rank) = pop() {
      let right = Int(next[position])
      if symbols[position] == gone || right >= count { continue }
      let merge = table.find(symbols[position], symbols[right])
      // The pair has changed since this entry was made.
      if merge.rank != rank { continue }
      symbols[position] = merge.id
      symbols[right] = gone
      let following = Int(next[right])
      next[position] = Int32(following)
      if following < count {
        previous[following] = Int32(position)
        push(position, table.find(merge.id, symbols[following]).rank)
      }
      let preceding = Int(previous[position])
      if preceding >= 0 { push(preceding, table.find(symbols[preceding], merge.id).rank) }
    }
    symbols.removeAll { $0 == gone }
  }

  /// Binary min-heap of rank, then position.
  private mutating func push(_ position: Int, _ rank: UInt32) {
    if rank == MergeTable.none.rank { return }
    let key = UInt64(rank) << 32 | UInt64(position)
    heap.append(key)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= key { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = key
  }

  private mutating func pop() -> (position: Int, rank: UInt32)? {
    guard let top = heap.first else { return nil }
    let key = heap.removeLast()
    if !heap.isEmpty {
      var parent = 0
      while true {
        var child = parent * 2 + 1
        if child >= heap.count { break }
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        if heap[child] >= key { break }
        heap[parent] = heap[child]
        parent = child
      }
      heap[parent] = key
    }
    return (Int(truncatingIfNeeded: top & 0xFFFF_FFFF), UInt32(top >> 32))
  }
}
