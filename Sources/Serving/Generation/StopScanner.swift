/// Looks for stop words in a text that comes in pieces, and holds back what may become one.
struct StopScanner {
  private let words: [[UInt8]]
  private var held: [UInt8] = []

  init(_ words: [String]) { self.words = words.map { Array($0.utf8) } }

  /// - Returns: The text that no stop word can begin in, and whether one has come behind it.
  mutating func append(_ text: String) -> (text: String, isStopped: Bool) {
    if words.isEmpty { return (text, false) }
    held += Array(text.utf8)
    if let cut = words.compactMap({ held.firstRange(of: $0)?.lowerBound }).min() {
      defer { held = [] }
      return (String(decoding: held[..<cut], as: UTF8.self), true)
    }
    let longest = words.map(\.count).max()! - 1
    let kept = (0...min(longest, held.count)).last { count in
      words.contains { count < $0.count && held.suffix(count).elementsEqual($0.prefix(count)) }
    }!
    defer { held.removeFirst(held.count - kept) }
    return (String(decoding: held.dropLast(kept), as: UTF8.self), false)
  }

  /// The text that was held back, at its end.
  mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }
}
