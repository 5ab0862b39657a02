import Foundation
import TestSupport
import Testing

@testable import Evaluation
@testable import Operations

/// Rows' numbers as their definitions have them, in Double.
enum NaiveRow {
  static func ranks(_ values: [Double]) -> [Double] {
    values.map { value in
      Double(values.count { $0 < value }) + Double(values.count { $0 == value } + 1) / 2
    }
  }

  /// Pearson's correlation of the ranks; 0 where it is not defined.
  static func spearman(_ left: [Double], _ right: [Double]) -> Double {
    let (x, y) = (ranks(left), ranks(right))
    let mean = x.reduce(0, +) / Double(x.count)
    let covariance = zip(x, y).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
    let squares = [x, y].map { $0.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } }
    return squares.contains(0) ? 0 : covariance / (squares[0] * squares[1]).squareRoot()
  }

  static func distribution(_ weights: [Double]) -> [Double] {
    let positive = weights.map { max(0, $0) }
    let sum = positive.reduce(0, +)
    return positive.map { sum == 0 ? 0 : $0 / sum }
  }

  static func entropy(_ p: [Double]) -> Double {
    p.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
  }

  static func reach(_ p: [Double], from query: Int) -> Double {
    p.indices.reduce(0) { $0 + Double(abs(query - $1)) * p[$1] }
  }

  static func divergence(_ p: [Double], _ q: [Double]) -> Double {
    zip(p, q).reduce(0) { sum, pair in
      pair.0 > 0 ? sum + pair.0 * log(pair.0 / max(pair.1, min(pair.0, 1e-10))) : sum
    }
  }

  static func row(
    teacher: [Double], student: [Double], products: [Double], query: Int? = nil,
    firstVisible: Int = 0
  ) -> AttentionRow {
    let query = query ?? teacher.count - 1
    let (p, q) = (distribution(teacher), distribution(student))
    return AttentionRow(
      divergence: divergence(p, q), teacherEntropy: entropy(p), studentEntropy: entropy(q),
      teacherReach: reach(p, from: query), studentReach: reach(q, from: query),
      monotonicity: p.count - firstVisible < 3
        ? nil : spearman(Array(student[firstVisible...]), Array(products[firstVisible...])))
  }
}

extension AttentionRow {
  /// - Parameter query: nil: the last, as in causal attention.
  init(
    teacher: [Float], student: [Float], products: [Float], query: Int? = nil, firstVisible: Int = 0
  ) {
    var correlation = RankCorrelation()
    self.init(
      teacher: teacher, student: student, products: products, query: query ?? teacher.count - 1,
      keys: teacher.count, firstVisible: firstVisible, correlation: &correlation)
  }

  init(
    divergence: Double, teacherEntropy: Double, studentEntropy: Double, teacherReach: Double,
    studentReach: Double, monotonicity: Double?
  ) {
    self.init(teacher: [1], student: [1], products: [0])
    self.divergence = divergence
    self.teacherEntropy = teacherEntropy
    self.studentEntropy = studentEntropy
    self.teacherReach = teacherReach
    self.studentReach = studentReach
    self.monotonicity = monotonicity
  }
}

func expectEqual(
  _ row: AttentionRow, _ expected: AttentionRow, within tolerance: Double = 1e-12,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let pairs: [(String, Double, Double)] = [
    ("divergence", row.divergence, expected.divergence),
    ("teacherEntropy", row.teacherEntropy, expected.teacherEntropy),
    ("studentEntropy", row.studentEntropy, expected.studentEntropy),
    ("teacherReach", row.teacherReach, expected.teacherReach),
    ("studentReach", row.studentReach, expected.studentReach),
    ("monotonicity", row.monotonicity ?? -2, expected.monotonicity ?? -2),
  ]
  for (name, value, expected) in pairs {
    #expect(
      abs(value - expected) <= tolerance * max(1, abs(expected)), "\(name): \(value), \(expected)",
      sourceLocation: sourceLocation)
  }
}

@Suite struct AttentionRowTests {
  @Test func `Rows of scipy's making get scipy's numbers`() {
    for query in FidelityGoldens.teacher.indices {
      let row = AttentionRow(
        teacher: FidelityGoldens.teacher[query], student: FidelityGoldens.student[query],
        products: FidelityGoldens.products[query])
      let expected = AttentionRow(
        divergence: FidelityGoldens.divergence[query],
        teacherEntropy: FidelityGoldens.teacherEntropy[query],
        studentEntropy: FidelityGoldens.studentEntropy[query],
        teacherReach: FidelityGoldens.teacherReach[query],
        studentReach: FidelityGoldens.studentReach[query],
        monotonicity: FidelityGoldens.monotonicity[query])
      expectEqual(row, expected, within: 1e-11)
    }
  }

  @Test(arguments: [1, 2, 3, 4, 63, 64, 65, 200])
  func `Rows of any length, with ties, zeros and negative weights, equal the definitions`(
    keys: Int
  ) {
    for seed in 0..<6 as Range<UInt64> {
      var draw = TestValues(100 + seed)
      // Coarse products tie; so do weights of 0.
      let products = draw.normal(keys, scale: 2).map { ($0 * 4).rounded() / 4 }
      let teacher = draw.normal(keys).map { Double(Float(exp(2 * $0))) }
      let student = draw.normal(keys).map { abs($0) < 0.5 ? 0 : $0 }
      let firstVisible = seed % 2 == 0 ? 0 : keys / 3
      expectEqual(
        AttentionRow(
          teacher: teacher.map(Float.init), student: student.map(Float.init),
          products: products.map(Float.init), firstVisible: firstVisible),
        NaiveRow.row(
          teacher: teacher, student: student, products: products, firstVisible: firstVisible))
    }
  }

  @Test(arguments: [1, 3, 64, 65])
  func `A bidirectional row reaches in both directions`(keys: Int) {
    for query in Set([0, keys / 3, keys - 1]) {
      var draw = TestValues(200 + UInt64(query))
      let products = draw.normal(keys, scale: 2)
      let teacher = draw.normal(keys).map { Double(Float(exp(2 * $0))) }
      let student = draw.normal(keys).map { abs($0) < 0.5 ? 0 : $0 }
      expectEqual(
        AttentionRow(
          teacher: teacher.map(Float.init), student: student.map(Float.init),
          products: products.map(Float.init), query: query),
        NaiveRow.row(teacher: teacher, student: student, products: products, query: query))
    }
    let uniform = [Float](repeating: 0.25, count: 4)
    let row = AttentionRow(
      teacher: uniform, student: [0, 0, 0, 1], products: [0, 1, 2, 3], query: 1)
    #expect(row.teacherReach == 1)
    #expect(row.studentReach == 2)
  }

  @Test func `Weights that rise with the products have monotonicity 1, falling ones −1`() {
    var draw = TestValues(4)
    let products = draw.normal(50).map(Float.init)
    let weights = products.map { expf($0) }
    let rising = AttentionRow(teacher: weights, student: weights, products: products)
    #expect(rising.monotonicity == 1)
    #expect(rising.divergence == 0)
    let falling = AttentionRow(
      teacher: weights, student: products.map { expf(-$0) }, products: products)
    #expect(falling.monotonicity == -1)
  }

  @Test func `A row is read as a distribution, whatever its scale`() {
    var draw = TestValues(5)
    let teacher = draw.normal(20).map { Float(exp($0)) }
    let student = draw.normal(20).map { Float(exp($0)) }
    let products = draw.normal(20).map(Float.init)
    expectEqual(
      AttentionRow(teacher: teacher, student: student.map { $0 * 8 }, products: products),
      AttentionRow(
        teacher: teacher.map { $0 / 4 }, student: student, products: products))
  }

  @Test func `A hidden key costs the floor's 23 nats for its share, nothing is infinite`() {
    let row = AttentionRow(teacher: [0.5, 0.5], student: [0, 1], products: [0, 0])
    #expect(abs(row.divergence - (0.5 * log(0.5 / 1e-10) + 0.5 * log(0.5))) < 1e-12)
    let mute = AttentionRow(teacher: [0.25, 0.75], student: [0, 0], products: [0, 0])
    #expect(
      abs(mute.divergence - (0.25 * log(0.25 / 1e-10) + 0.75 * log(0.75 / 1e-10))) < 1e-12)
    #expect(mute.studentEntropy == 0)
    #expect(mute.studentReach == 0)
    // Keys below the floor on both sides cost nothing.
    let tiny = AttentionRow(teacher: [1e-20, 1], student: [0, 1], products: [0, 0])
    #expect(tiny.divergence == 0)
  }

  @Test func `Uniform attention over n keys has entropy log n and reaches half of them back`() {
    let uniform = [Float](repeating: 0.125, count: 8)
    let row = AttentionRow(
      teacher: uniform, student: uniform, products: (0..<8).map { Float($0) })
    #expect(abs(row.teacherEntropy - log(8)) < 1e-12)
    #expect(abs(row.studentReach - 3.5) < 1e-12)
    #expect(row.monotonicity == 0)
  }

  @Test func `A student that diverged is given no numbers`() {
    for broken in [Float.nan, .infinity] {
      let row = AttentionRow(
        teacher: [0.2, 0.3, 0.5], student: [0.1, broken, 0.2], products: [1, 2, 3])
      #expect(row.divergence.isNaN)
      #expect(row.studentEntropy.isNaN)
      #expect(row.monotonicity?.isNaN == true)
      #expect(row.teacherEntropy.isFinite)
    }
  }
}
