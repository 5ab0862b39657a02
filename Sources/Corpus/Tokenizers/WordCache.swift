import Foundation

/// Remembers the ids of words already merged, in bounded memory, together with the scratch that
/// merging needs. Not shared: each call borrows one from a `WordCachePool`.
final class WordCache {
  /// Longer words are rare and would push out many short ones.
  static let longestWord = 128
  private static let slotCount = 1 << 17
  private static let entryLimit = slotCount / 2

  private struct Entry {
    let hash: UInt64
    let wordStart: Int32
    let wordEnd: Int32
    let idStart: Int32
    let idEnd: Int32
  }

  private var slots: [Int32] = []
  private var entries: [Entry] = []
  private var words: [UInt8] = []
  private var ids: [Int32] = []
  var scratch = MergeScratch()

  /// Appends the ids of a word if they are known.
  @inline(__always)
  func append(_ word: UnsafeBufferPointer<UInt8>, hash: UInt64, to output: inout [Int32]) -> Bool {
    if slots.isEmpty { return false }
    var slot = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, matches(word, entry) {
        for index in Int(entry.idStart)..<Int(entry.idEnd) { output.append(ids[index]) }
        return true
      }
      slot = (slot + 1) & (Self.slotCount - 1)
    }
    return false
  }

  /// Remembers a word that was not found. A full cache is emptied first.
  func insert(_ word: UnsafeBufferPointer<UInt8>, hash: UInt64, ids newIDs: ArraySlice<Int32>) {
    if slots.isEmpty || entries.count >= Self.entryLimit {
      slots = Array(repeating: -1, count: Self.slotCount)
      entries.removeAll(keepingCapacity: true)
      words.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
    }
    let wordStart = Int32(words.count)
    let idStart = Int32(ids.count)
    words.append(contentsOf: word)
    ids.append(contentsOf: newIDs)
    var slot = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (Self.slotCount - 1) }
    slots[slot] = Int32(entries.count)
    entries.append(
      Entry(
        hash: hash, wordStart: wordStart, wordEnd: Int32(words.count), idStart: idStart,
        idEnd: Int32(ids.count)))
  }

  @inline(__always)
  private func matches(_ word: UnsafeBufferPointer<UInt8>, _ entry: Entry) -> Bool {
    let start = Int(entry.wordStart)
    if Int(entry.wordEnd) - start != word.count { return false }
    return words.withUnsafeBufferPointer { words in
      for index in 0..<word.count where words[start + index] != word[index] { return false }
      return true
    }
  }
}

/// Lends each caller a cache of its own, so that encoding takes a lock once a text, not once a word.
///
/// Sendable although unchecked: `idle` is read and written only with `lock` held, and a cache is
/// in the hands of exactly one caller between leaving and re-entering `idle`.
final class WordCachePool: @unchecked Sendable {
  private let lock = NSLock()
  private var idle: [WordCache] = []

  func withCache<Result>(_ body: (WordCache) -> Result) -> Result {
    let cache = lock.withLock { idle.popLast() } ?? WordCache()
    defer { lock.withLock { idle.append(cache) } }
    return body(cache)
  }
}
