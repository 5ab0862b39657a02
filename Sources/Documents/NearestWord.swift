/// The candidate with the smallest edit distance, when it is close enough to be a slip of the
/// fingers: at most a third of the word, and at most three edits.
public func nearest(_ word: String, among candidates: some Sequence<String>) -> String? {
  let length = word.count
  let furthest = max(1, min(3, length / 3))
  // Words whose lengths differ by more cannot be near: a word may have a million letters.
  let best = candidates.filter { abs($0.count - length) <= furthest }
    .map { ($0, editDistance(word.lowercased(), $0.lowercased())) }
    .min { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1 < $1.1 }
  guard let (candidate, distance) = best, distance <= furthest else { return nil }
  return candidate
}

/// Insertions, deletions, replacements and swaps of two neighbours that lead from one word to the
/// other (optimal string alignment).
private func editDistance(_ left: String, _ right: String) -> Int {
  let left = Array(left)
  let right = Array(right)
  var beforePrevious: [Int] = []
  var previous = Array(0...right.count)
  for row in left.indices {
    var current = [row + 1]
    for column in right.indices {
      var distance = min(
        previous[column + 1] + 1, current[column] + 1,
        previous[column] + (left[row] == right[column] ? 0 : 1))
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        distance = min(distance, beforePrevious[column - 1] + 1)
      }
      current.append(distance)
    }
    (beforePrevious, previous) = (previous, current)
  }
  return previous[right.count]
}
