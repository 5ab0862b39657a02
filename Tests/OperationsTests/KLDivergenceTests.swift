import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct LinearKLDivergenceTests {
  private struct Fixture {
    static let (width, otherWidth, vocabulary) = (9, 5, 53)
    let x, y, w, u: [Double]
    let rows: Int
    /// Of both heads.
    let cap: Double?

    init(rows: Int, scale: Double = 1, cap: Double? = nil) {
      self.rows = rows
      self.cap = cap
      var draw = TestValues(7)
      x = draw.normal(rows * Self.width, scale: scale)
      y = draw.normal(rows * Self.otherWidth, scale: scale)
      w = draw.normal(Self.vocabulary * Self.width)
      u = draw.normal(Self.vocabulary * Self.otherWidth)
    }

    var fast: (divergences: [Double], agrees: [Bool]) {
      let transform = ScoreTransform(cap: cap.map { Float($0) })
      return linearKLDivergence(
        tensor(x, [rows, Self.width]), head: head(w, [Self.vocabulary, Self.width], transform),
        to: tensor(y, [rows, Self.otherWidth]),
        head: head(u, [Self.vocabulary, Self.otherWidth], transform))
    }

    var naive: [Double] {
      Naive.linearKLDivergence(
        x, head: w, width: Self.width, to: y, head: u, width: Self.otherWidth, cap: cap)
    }

    func argmax(_ x: [Double], _ head: [Double], _ width: Int, row: Int) -> Int {
      let logits = (0..<Self.vocabulary).map { token in
        dot(
          Array(x[row * width..<(row + 1) * width]),
          Array(head[token * width..<(token + 1) * width]))
      }
      return logits.firstIndex(of: logits.max()!)!
    }
  }

  // Two heads of different widths: nothing of one distribution can be taken from the other's.
  @Test(arguments: [1, 63, 64, 65, 200], [nil, 2.5])
  func `every row's divergence equals the definition`(rows: Int, cap: Double?) {
    let fixture = Fixture(rows: rows, cap: cap)
    let (expected, actual) = (fixture.naive, fixture.fast.divergences)
    #expect(actual.count == rows)
    #expect(relativeRMS(actual.map(Float.init), expected) < 1e-6)
  }

  @Test func `logits in the hundreds neither overflow nor vanish`() {
    let fixture = Fixture(rows: 70, scale: 60)
    #expect(relativeRMS(fixture.fast.divergences.map(Float.init), fixture.naive) < 1e-5)
  }

  @Test func `rows agree exactly where the largest logits stand at the same token`() {
    let fixture = Fixture(rows: 200)
    let expected = (0..<200).map { row in
      fixture.argmax(fixture.x, fixture.w, Fixture.width, row: row)
        == fixture.argmax(fixture.y, fixture.u, Fixture.otherWidth, row: row)
    }
    #expect(fixture.fast.agrees == expected)
    #expect(expected.contains(true) && expected.contains(false))
  }

  @Test func `a distribution has no divergence from itself, nor from its logits shifted`() {
    let fixture = Fixture(rows: 80)
    let head = OperationsTests.head(fixture.w, [Fixture.vocabulary, Fixture.width])
    let x = tensor(fixture.x, [80, Fixture.width])
    let same = linearKLDivergence(x, head: head, to: x, head: head)
    #expect(same.divergences.allSatisfy { $0 == 0 })
    #expect(same.agrees.allSatisfy { $0 })

    // A column of ones in the head adds a hidden coordinate to every logit of its row.
    func widened(_ x: [Double], rows: Int, by value: (Int) -> Double) -> [Double] {
      var result: [Double] = []
      for row in 0..<rows {
        result += x[row * Fixture.width..<(row + 1) * Fixture.width]
        result.append(value(row))
      }
      return result
    }
    let wide = widened(fixture.w, rows: Fixture.vocabulary) { _ in 1 }
    let shifted = widened(fixture.x, rows: 80) { Double($0) / 10 }
    let moved = linearKLDivergence(
      x, head: head, to: tensor(shifted, [80, Fixture.width + 1]),
      head: OperationsTests.head(wide, [Fixture.vocabulary, Fixture.width + 1]))
    #expect(moved.divergences.allSatisfy { (0..<1e-5).contains($0) })
  }
}
