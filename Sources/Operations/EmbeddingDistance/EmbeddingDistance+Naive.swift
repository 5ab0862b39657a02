import RealModule

extension Naive {
  /// See `embeddingDistance`; `[texts, width]` each.
  public static func embeddingDistance<T: Real & BinaryFloatingPoint>(
    _ student: [T], _ teacher: [T], width: Int, similarityWeight: T
  ) -> T {
    let count = student.count / width
    func cosine(_ x: [T], _ i: Int, _ y: [T], _ j: Int) -> T {
      var (product, left, right): (T, T, T) = (0, 0, 0)
      for column in 0..<width {
        let (a, b) = (x[i * width + column], y[j * width + column])
        product += a * b
        left += a * a
        right += b * b
      }
      return product / (left * right).squareRoot()
    }
    var value: T = 0
    for text in 0..<count { value += (1 - cosine(student, text, teacher, text)) / T(count) }
    for left in 0..<count {
      for right in 0..<count where right != left {
        let difference =
          cosine(student, left, student, right) - cosine(teacher, left, teacher, right)
        value += similarityWeight * difference * difference / T(count * (count - 1))
      }
    }
    return value
  }
}
