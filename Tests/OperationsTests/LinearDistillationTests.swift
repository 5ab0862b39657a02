import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct LinearDistillationTests {
  /// Two models of different widths over one vocabulary; some rows do not count, some have no
  /// target.
  private struct Fixture {
    static let (width, otherWidth, vocabulary) = (9, 5, 53)
    /// Of the student, then of the teacher.
    let x, w, y, u: [Double]
    let rows: Int
    let counted: [Bool]
    let targets: [Int32]
    /// Of the student's head and the teacher's.
    let transform: TransformCase

    init(rows: Int, scale: Double = 1, transform: TransformCase = TransformCase()) {
      self.rows = rows
      self.transform = transform
      var draw = TestValues(11)
      x = draw.normal(rows * Self.width, scale: scale)
      w = draw.normal(Self.vocabulary * Self.width)
      y = draw.normal(rows * Self.otherWidth, scale: scale)
      u = draw.normal(Self.vocabulary * Self.otherWidth)
      counted = (0..<rows).map { $0 % 7 != 3 }
      targets = (0..<rows).map {
        $0 % 5 == 2 ? ignoredTarget : Int32($0 * 17 % Self.vocabulary)
      }
    }

    func logits(_ x: [Double], _ head: [Double], row: Int) -> [Double] {
      let width = head.count / Self.vocabulary
      return (0..<Self.vocabulary).map { token in
        transform(
          dot(
            Array(x[row * width..<(row + 1) * width]),
            Array(head[token * width..<(token + 1) * width])))
      }
    }

    func teacher(row: Int) -> [Double] {
      let logits = logits(y, u, row: row)
      let total = logits.reduce(0) { $0 + exp($1 - logits.max()!) }
      return logits.map { exp($0 - logits.max()!) / total }
    }

    func kept(_ count: Int?, row: Int) -> [Int]? {
      count.map { count in
        let p = teacher(row: row)
        return Array(p.indices.sorted { p[$0] > p[$1] }.prefix(count))
      }
    }

    func reference(top count: Int?) -> DistillationTeacher {
      let hidden = tensor(y, [rows, Self.otherWidth])
      let head = OperationsTests.head(u, [Self.vocabulary, Self.otherWidth], transform.value)
      return count.map { .truncated(linearTopTokens(hidden, head: head, count: $0)) }
        ?? .hidden(hidden, head: head)
    }

    func fast(top count: Int?, scales: DistillationScales?) -> (
      losses: DistillationLosses, gradient: Tensor?
    ) {
      linearDistillation(
        tensor(x, [rows, Self.width]),
        head: head(w, [Self.vocabulary, Self.width], transform.value),
        teacher: reference(top: count), counted: counted, targets: targets, scales: scales)
    }

    func crossEntropies(_ x: [Double], _ w: [Double]) -> [Double] {
      Naive.linearCrossEntropy(
        x, head: w, width: Self.width, targets: targets, scale: transform.scale,
        cap: transform.cap)
    }

    func naive(top count: Int?) -> (divergences: [Double], crossEntropies: [Double]) {
      (
        (0..<rows).map { row in
          counted[row]
            ? Naive.distillationDivergence(
              teacher(row: row), logits(x, w, row: row), kept: kept(count, row: row)) : 0
        }, crossEntropies(x, w)
      )
    }

    /// The scaled sum of both losses; the teacher's part is computed once.
    func objective(top count: Int?, _ scales: DistillationScales) -> ([Double], [Double]) -> Double
    {
      let teachers = (0..<rows).map { (teacher(row: $0), kept(count, row: $0)) }
      return { x, w in
        let crossEntropies = crossEntropies(x, w)
        return (0..<rows).reduce(Double(scales.crossEntropy) * crossEntropies.reduce(0, +)) {
          guard counted[$1] else { return $0 }
          return $0
            + Double(scales.divergence)
            * Naive.distillationDivergence(
              teachers[$1].0, logits(x, w, row: $1), kept: teachers[$1].1)
        }
      }
    }
  }

  private static let tops: [Int?] = [nil, 1, 8, 53]

  @Test(
    arguments: tops,
    [1, 63, 64, 65, 200])
  func `both losses equal their definitions, of full distributions and of bins`(
    top: Int?, rows: Int
  ) {
    let fixture = Fixture(rows: rows)
    let (losses, gradient) = fixture.fast(top: top, scales: nil)
    let expected = fixture.naive(top: top)
    #expect(relativeRMS(losses.divergences, expected.divergences) < 2e-6)
    #expect(relativeRMS(losses.crossEntropies, expected.crossEntropies) < 1e-6)
    #expect(gradient == nil)
  }

  @Test(arguments: tops)
  func `logits in the hundreds neither overflow nor vanish`(top: Int?) throws {
    let fixture = Fixture(rows: 70, scale: 40)
    let (losses, gradient) = fixture.fast(
      top: top, scales: DistillationScales(divergence: 1, crossEntropy: 0.1))
    // A student who gives the other tokens less than the smallest number is held at 1e-30.
    let expected = fixture.naive(top: top)
    if top == nil || top == 53 {
      #expect(relativeRMS(losses.divergences, expected.divergences) < 1e-5)
    }
    #expect(losses.divergences.allSatisfy { $0.isFinite && $0 >= 0 })
    #expect(try #require(gradient).elements.allSatisfy { $0.isFinite })
  }

  @Test(
    arguments: tops,
    [TransformCase(), TransformCase(scale: 0.8, cap: 3)])
  func `gradients are those of the sums of the losses times their scales`(
    top: Int?, transform: TransformCase
  ) throws {
    let fixture = Fixture(rows: 70, transform: transform)
    for scales in [
      DistillationScales(divergence: 1.5, crossEntropy: 0),
      DistillationScales(divergence: 0.7, crossEntropy: 0.4),
    ] {
      let objective = fixture.objective(top: top, scales)
      let frozen = fixture.fast(top: top, scales: scales)
      #expect(
        relativeRMS(frozen.losses.divergences, fixture.naive(top: top).divergences) < 2e-6)
      try expectGradient(frozen.gradient, at: fixture.x, within: 1e-5, coordinates: 24) {
        objective($0, fixture.w)
      }
      let trained = linearDistillationGradients(
        tensor(fixture.x, [fixture.rows, Fixture.width]),
        head: tensor(fixture.w, [Fixture.vocabulary, Fixture.width]), transform: transform.value,
        teacher: fixture.reference(top: top), counted: fixture.counted, targets: fixture.targets,
        scales: scales)
      #expect(trained.losses.divergences == frozen.losses.divergences)
      let expected = try #require(frozen.gradient).elements.map(Double.init)
      #expect(relativeRMS(trained.gradient.elements, expected) < 1e-6)
      try expectGradient(trained.headGradient, at: fixture.w, within: 1e-5, coordinates: 24) {
        objective(fixture.x, $0)
      }
    }
  }

  @Test(arguments: tops)
  func `a student that is the teacher has nothing to learn`(top: Int?) throws {
    let fixture = Fixture(rows: 80)
    let (losses, gradient) = linearDistillation(
      tensor(fixture.y, [80, Fixture.otherWidth]),
      head: head(fixture.u, [Fixture.vocabulary, Fixture.otherWidth]),
      teacher: fixture.reference(top: top), counted: fixture.counted, targets: fixture.targets,
      scales: DistillationScales(divergence: 1, crossEntropy: 0))
    #expect(losses.divergences.allSatisfy { (0..<1e-6).contains($0) })
    #expect(try #require(gradient).elements.allSatisfy { abs($0) < 1e-6 })
  }

  @Test func `the most probable tokens come in order, with the mass of all others`() {
    let fixture = Fixture(rows: 70)
    guard case .truncated(let found) = fixture.reference(top: 5) else { return }
    for row in 0..<70 {
      let p = fixture.teacher(row: row)
      let kept = fixture.kept(5, row: row)!
      #expect(found.ids[row * 5..<(row + 1) * 5].map(Int.init) == kept)
      let mass = p.indices.filter { !kept.contains($0) }.reduce(0) { $0 + p[$1] }
      #expect(relativeRMS([found.remainingMass.elements[row]], [mass]) < 1e-5)
      #expect(
        relativeRMS(
          Array(found.logProbabilities.elements[row * 5..<(row + 1) * 5]),
          kept.map { log(p[$0]) }) < 1e-5)
    }
  }

  @Test func `among equal logits the smaller ids are kept`() {
    let top = linearTopTokens(
      Tensor(repeating: 1, [1, 1]), head: head([1, 2, 2, 1, 2, 1], [6, 1]), count: 4)
    #expect(top.ids == [1, 2, 4, 0])
  }

  @Test func `four times the tokens need the same scratch, a tile of logits of each model`() async {
    await #expect(processExitsWith: .success) {
      setenv("LINEARIZE_THREADS", "1", 1)
      let (width, vocabulary) = (16, 4096)
      func scratch(_ rows: Int) -> Int {
        let head = Tensor(repeating: 0.1, [vocabulary, width])
        let x = Tensor(repeating: 0.2, [rows, width])
        return BufferPool.shared.peakBytes {
          _ = linearDistillationGradients(
            x, head: head, teacher: .hidden(x, head: LogitHead(StoredTensor(head))),
            counted: [Bool](repeating: true, count: rows),
            targets: [Int32](repeating: 3, count: rows),
            scales: DistillationScales(divergence: 1, crossEntropy: 1))
        } - rows * width * 4
      }
      let tile = LogitHead.tileRows(vocabulary: vocabulary)
      let (short, long) = (scratch(tile), scratch(4 * tile))
      precondition(Double(long) <= 1.1 * Double(short), "\(short), \(long) bytes")
      // Two tiles, rows of exponentials, the head's gradient; not all rows of logits.
      precondition(long < 3 * tile * vocabulary * 4, "\(long) bytes")
    }
  }

  @Test(arguments: [nil, 3])
  func `a teacher that gives no number is no perfect match`(top: Int?) {
    let fixture = Fixture(rows: 2)
    let head = OperationsTests.head(fixture.u, [Fixture.vocabulary, Fixture.otherWidth])
    let hidden = Tensor(repeating: .nan, [2, Fixture.otherWidth])
    let teacher: DistillationTeacher =
      top.map { count in
        .truncated(
          TruncatedDistributions(
            count: count, ids: [Int32](0..<Int32(2 * count)),
            logProbabilities: Tensor(repeating: .nan, [2, count]),
            remainingMass: Tensor(zeros: [2, 1])))
      } ?? .hidden(hidden, head: head)
    let losses = linearDistillation(
      tensor(fixture.x, [2, Fixture.width]),
      head: OperationsTests.head(fixture.w, [Fixture.vocabulary, Fixture.width]),
      teacher: teacher, counted: [true, true], targets: [ignoredTarget, ignoredTarget], scales: nil
    ).losses
    #expect(losses.divergences.map(\.isNaN) == [true, true])
  }
}
