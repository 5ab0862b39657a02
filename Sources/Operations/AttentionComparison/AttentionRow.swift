import Foundation

/// One query's attention weights in teacher and student, in numbers.
///
/// Weights are read as a distribution over the keys that the query may see, `j ≤ i` or, in an
/// encoder, all: negative ones, which only mixers
/// without a positive feature map have, count as 0, and the rest is divided by its sum. A row
/// without any positive weight says nothing of where the student looks: its entropy and reach are
/// 0, and in the divergence every key counts as below the floor.
package struct AttentionRow: Equatable {
  /// The student's probability of a key counts at least this much in the divergence, unless the
  /// teacher's is smaller still: a key that a window hides costs `log(p / 1e-10)` times `p`
  /// instead of infinity, 23 nats for all of the attention.
  static let smallestProbability = 1e-10
  /// Keys below which a rank correlation is not taken: two have no order that could be half right.
  package static let leastRankedKeys = 3

  /// `KL(p ‖ q) = Σ_j p_j (log p_j − log max(q_j, min(p_j, smallestProbability)))`, nats, `p` of the
  /// teacher, `q` of the student.
  var divergence: Double
  /// `−Σ_j p_j log p_j`, nats.
  var teacherEntropy: Double
  var studentEntropy: Double
  /// `Σ_j |i − j| p_j`, tokens.
  var teacherReach: Double
  var studentReach: Double
  /// Spearman's correlation of the student's weights, as they are, with the query-key products,
  /// over the keys that the teacher sees. 0 where either side's numbers are all equal; nil for
  /// fewer keys than `leastRankedKeys`.
  var monotonicity: Double?

  /// - Parameters:
  ///   - teacher: weights of the keys from 0, `[keys]`.
  ///   - student: as `teacher`.
  ///   - products: of this query with the same keys, `[keys]`.
  ///   - keys: `query + 1` in causal attention, else all of the sequence's.
  ///   - firstVisible: first key that the teacher sees.
  init(
    teacher: UnsafePointer<Float>, student: UnsafePointer<Float>,
    products: UnsafePointer<Float>, query: Int, keys count: Int, firstVisible: Int,
    correlation: inout RankCorrelation
  ) {
    let teacherFactor = Self.reciprocalSum(teacher, count)
    let studentFactor = Self.reciprocalSum(student, count)
    divergence = 0
    teacherEntropy = 0
    studentEntropy = 0
    teacherReach = 0
    studentReach = 0
    for key in 0..<count {
      let p = Self.positive(teacher[key]) * teacherFactor
      let q = Self.positive(student[key]) * studentFactor
      let logQ = q == 0 ? 0 : log(q)
      if p != 0 {
        let logP = log(p)
        let floor = min(p, Self.smallestProbability)
        teacherEntropy -= p * logP
        divergence += p * (logP - (q < floor ? log(floor) : logQ))
      }
      studentEntropy -= q * logQ
      teacherReach += Double(abs(query - key)) * p
      studentReach += Double(abs(query - key)) * q
    }
    let visible = count - firstVisible
    if visible >= Self.leastRankedKeys {
      monotonicity =
        studentEntropy.isNaN
        ? .nan
        : correlation.correlation(student + firstVisible, products + firstVisible, count: visible)
          ?? 0
    }
  }

  /// NaN stays NaN: a student that diverged must not be given numbers.
  private static func positive(_ weight: Float) -> Double { weight < 0 ? 0 : Double(weight) }

  /// 0 when no weight is positive.
  private static func reciprocalSum(_ weights: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    for key in 0..<count { sum += positive(weights[key]) }
    return sum == 0 ? 0 : 1 / sum
  }
}
