import Foundation
import TensorCore

/// What of one head's attention and outputs is of far keys; sums over the tokens that have such.
public struct FarShareSums: Sendable {
  private var rows = 0
  private var teacher = Side()
  private var student = Side()

  private struct Side {
    var mass: Double? = 0
    var squares = 0.0
    var differences = 0.0

    var output: Double { (differences / max(squares, 1e-60)).squareRoot() }

    mutating func add(
      mass more: Float?, _ output: UnsafePointer<Float>, near: UnsafePointer<Float>, count: Int
    ) {
      mass = mass.flatMap { sum in more.map { sum + Double($0) } }
      for index in 0..<count {
        let (value, difference) = (
          Double(output[index]), Double(output[index]) - Double(near[index])
        )
        squares += value * value
        differences += difference * difference
      }
    }
  }

  /// Of no tokens.
  public init() {}

  /// Whether no token had such keys.
  public var isEmpty: Bool { rows == 0 }
  /// Means of the shares of attention weights; the student's is nil where it has none.
  public var masses: (teacher: Double?, student: Double?) {
    (teacher.mass.map { $0 / Double(rows) }, student.mass.map { $0 / Double(rows) })
  }
  /// The root of the mean square by which outputs differ from those without such keys, over that of the
  /// outputs.
  public var outputs: (teacher: Double, student: Double) { (teacher.output, student.output) }
}

/// Outputs of all heads, `[tokens, queryHeads * headDim]`, with far keys and without.
public struct FarOutputs {
  let with, without: Tensor

  /// Of one layer on one document.
  public init(with: Tensor, without: Tensor) { (self.with, self.without) = (with, without) }
}

extension FarAttention {
  /// The sums, one a query head, with this sequence's tokens.
  ///
  /// - Parameter studentMasses: `[tokens, queryHeads]`, of no meaning where there is no far key.
  public func added(
    teacher: FarOutputs, student: FarOutputs, studentMasses: Tensor?, to sums: [FarShareSums]
  ) -> [FarShareSums] {
    let (heads, d) = (attention.queryHeads, attention.headDim)
    let rows = layout.segments.flatMap { segment in
      (0..<segment.count).filter { keys.holdsAny(before: $0) }.map { segment.start + $0 }
    }
    var sums = sums
    withPointers(
      masses, studentMasses, teacher.with, teacher.without, student.with, student.without
    ) { masses, studentMasses, teacher, teacherNear, student, studentNear in
      for row in rows {
        for head in 0..<heads {
          let slot = row * heads + head
          sums[head].add(
            masses: (masses[slot], studentMasses?[slot]),
            teacher: (teacher + slot * d, teacherNear + slot * d),
            student: (student + slot * d, studentNear + slot * d), count: d)
        }
      }
    }
    return sums
  }
}

extension FarShareSums {
  fileprivate mutating func add(
    masses: (teacher: Float, student: Float?),
    teacher outputs: (with: UnsafePointer<Float>, without: UnsafePointer<Float>),
    student others: (with: UnsafePointer<Float>, without: UnsafePointer<Float>), count: Int
  ) {
    rows += 1
    teacher.add(mass: masses.teacher, outputs.with, near: outputs.without, count: count)
    student.add(mass: masses.student, others.with, near: others.without, count: count)
  }
}

extension BranchKeys {
  /// What share of attention weights falls on these keys, `[length, queryHeads]`, of one sequence.
  ///
  /// - Parameter weights: `[queryHeads, length, length]`, causal; rows count divided by their sums.
  public func masses(of weights: Tensor) -> Tensor {
    let (heads, length) = (weights.shape[0], weights.shape[1])
    var result = Tensor(zeros: [length, heads])
    withPointers(writing(&result), weights) { result, weights in
      for query in 0..<length {
        let far = positions(before: query)
        for head in 0..<heads {
          let row = weights + (head * length + query) * length
          let total = (0...query).reduce(Float(0)) { $0 + row[$1] }
          result[query * heads + head] = far.reduce(Float(0)) { $0 + row[$1] } / total
        }
      }
    }
    return result
  }

  /// Those that the query at `position` of a sequence has.
  private func positions(before position: Int) -> Range<Int> {
    switch self {
    case .all: return 0..<position + 1
    case .older(let window, let sinks):
      let first = min(sinks, position + 1)
      return first..<max(first, min(position + 1, window.start(of: position)))
    }
  }
}
