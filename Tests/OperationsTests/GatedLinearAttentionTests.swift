import Foundation
import Operations
import TensorCore
import TestSupport
import Testing

/// How fast the state forgets.
enum Forgetting: String, Sendable, CaseIterable {
  /// From `−0.003` to the bound `−5` of RAD-RWKV6, as its decays are trained.
  case mixed
  /// `−5`, give or take a half.
  case fast
  /// `−20`: a token later only a billionth is left.
  case complete
  /// `−1e−7`: nothing is forgotten.
  case none

  func draw(_ count: Int, _ values: inout TestValues) -> [Double] {
    let normal = values.normal(count)
    return normal.map { x in
      switch self {
      case .mixed: Double(Float(max(-exp(1.5 * x - 1.5), -5)))
      case .fast: Double(Float(-5 + x / 2))
      case .complete: Double(Float(-20 + x))
      case .none: -1e-7
      }
    }
  }
}

/// Random operands of a gated linear attention and its naive twin in `Double`.
struct GatedAttentionFixture {
  let shape: GatedLinearAttentionShape
  let layout: SequenceLayout
  var queries, keys, values, logDecays, outputGradient: [Double]

  init(_ forgetting: Forgetting, heads: Int = 2, headDim: Int, layout: SequenceLayout) {
    shape = GatedLinearAttentionShape(heads: heads, headDim: headDim)
    self.layout = layout
    var draw = TestValues(21)
    let count = layout.rows * shape.width
    queries = draw.normal(count)
    keys = draw.normal(count)
    values = draw.normal(count)
    logDecays = forgetting.draw(count, &draw)
    outputGradient = draw.normal(count)
  }

  func operand(_ x: [Double]) -> Tensor { tensor(x, [layout.rows, shape.width]) }

  func fast() -> Tensor {
    gatedLinearAttention(
      queries: operand(queries), keys: operand(keys), values: operand(values),
      logDecays: operand(logDecays), shape: shape, layout: layout)
  }

  /// Of queries, keys, values and log decays.
  func gradients() -> [Tensor] {
    let found = gatedLinearAttentionGradients(
      operand(outputGradient), queries: operand(queries), keys: operand(keys),
      values: operand(values), logDecays: operand(logDecays), shape: shape, layout: layout)
    return [found.queries, found.keys, found.values, found.logDecays]
  }

  /// Runs `body` on the operands of every head of every segment, and puts its results where these
  /// came from.
  private func byHead(_ count: Int, _ body: ([[Double]]) -> [[Double]]) -> [[Double]] {
    let width = shape.headDim
    var results = [[Double]](repeating: .init(repeating: 0, count: queries.count), count: count)
    for segment in layout.segments {
      for head in 0..<shape.heads {
        let found = body(
          [queries, keys, values, logDecays, outputGradient].map {
            slice($0, rows: segment.rows, width: width, heads: shape.heads, head: head)
          })
        for (index, values) in found.enumerated() {
          for (position, value) in values.enumerated() {
            let row = segment.start + position / width
            results[index][row * shape.width + head * width + position % width] = value
          }
        }
      }
    }
    return results
  }

  func naive() -> [Double] {
    byHead(1) {
      [
        Naive.gatedLinearAttention(
          queries: $0[0], keys: $0[1], values: $0[2], logDecays: $0[3], headDim: shape.headDim,
          scale: Double(shape.scale)
        ).output
      ]
    }[0]
  }

  func naiveGradients() -> [[Double]] {
    byHead(4) {
      Naive.gatedLinearAttentionGradients(
        $0[4], queries: $0[0], keys: $0[1], values: $0[2], logDecays: $0[3],
        headDim: shape.headDim, scale: Double(shape.scale))
    }
  }
}

@Suite struct GatedLinearAttentionTests {
  /// Below and above the length of a chunk and of a vector.
  static let lengths = [1, 15, 16, 17, 63, 64, 65, 500]
  /// Documents with padding before, between and after them.
  static let packed = SequenceLayout(
    rows: 64,
    segments: [(2, 1), (3, 17), (24, 16), (41, 19)].map { .init(start: $0.0, count: $0.1) })

  private func expectEqual(_ fixture: GatedAttentionFixture, outputs: Double, gradients: Double) {
    #expect(relativeRMS(fixture.fast().elements, fixture.naive()) < outputs)
    let names = ["queries", "keys", "values", "log decays"]
    for (name, pair) in zip(names, zip(fixture.gradients(), fixture.naiveGradients())) {
      // Of one token alone the decays have no gradient.
      let error = relativeRMS(pair.0.elements, pair.1, floor: 1e-30)
      #expect(error < gradients, "\(name)")
    }
  }

  @Test(
    "outputs and gradients equal those of the recurrence", arguments: lengths,
    Forgetting.allCases)
  func recurrence(length: Int, forgetting: Forgetting) {
    // e^{−1e−7} is rounded by 2e−8, alike in every step, and nothing makes that forgotten.
    let isLossy = forgetting == .none && length > 65
    expectEqual(
      GatedAttentionFixture(forgetting, headDim: 20, layout: SequenceLayout(length: length)),
      outputs: isLossy ? 1e-5 : 2e-6, gradients: isLossy ? 1e-5 : 4e-6)
  }

  @Test("so do those of wide heads", arguments: Forgetting.allCases)
  func wideHeads(forgetting: Forgetting) {
    expectEqual(
      GatedAttentionFixture(forgetting, heads: 1, headDim: 64, layout: SequenceLayout(length: 70)),
      outputs: 2e-6, gradients: 4e-6)
  }

  @Test("documents packed between padding know nothing of each other, nor of NaN in the padding")
  func packedDocuments() {
    var fixture = GatedAttentionFixture(.mixed, headDim: 6, layout: Self.packed)
    for path in [
      \GatedAttentionFixture.queries, \.keys, \.values, \.logDecays, \.outputGradient,
    ] {
      fixture[keyPath: path] = poisoned(
        fixture[keyPath: path], Self.packed, width: fixture.shape.width)
    }
    expectEqual(fixture, outputs: 2e-6, gradients: 4e-6)
  }

  @Test("the gradients of the twin are the numerical derivatives of its outputs")
  func twin() throws {
    let fixture = GatedAttentionFixture(.mixed, headDim: 3, layout: SequenceLayout(length: 18))
    let found = fixture.naiveGradients()
    for (path, gradient) in zip(
      [\GatedAttentionFixture.queries, \.keys, \.values, \.logDecays], found)
    {
      try expectGradient(
        tensor(gradient, [gradient.count]), at: fixture[keyPath: path],
        within: 1e-6, coordinates: 60
      ) { point in
        var moved = fixture
        moved[keyPath: path] = point
        return dot(moved.naive(), fixture.outputGradient)
      }
    }
  }

  @Test("a token's output does not change when later tokens do")
  func causality() {
    let fixture = GatedAttentionFixture(.mixed, headDim: 6, layout: SequenceLayout(length: 40))
    var changed = fixture
    let start = 21 * fixture.shape.width
    for index in start..<changed.queries.count {
      changed.queries[index] += 1
      changed.keys[index] += 1
      changed.values[index] -= 2
      changed.logDecays[index] -= 1
    }
    let (before, after) = (fixture.fast().elements, changed.fast().elements)
    #expect(before[..<start] == after[..<start])
    #expect(before[start] != after[start])
  }

  @Test("a decay of minus infinity forgets everything")
  func infiniteDecay() {
    var fixture = GatedAttentionFixture(.mixed, headDim: 6, layout: SequenceLayout(length: 20))
    let row = 18 * fixture.shape.width
    for index in row..<row + fixture.shape.width { fixture.logDecays[index] = -.infinity }
    var alone = fixture
    for index in 0..<row { alone.values[index] = 0 }
    #expect(fixture.fast().elements[row...] == alone.fast().elements[row...])
    #expect(fixture.gradients().allSatisfy { $0.elements.allSatisfy(\.isFinite) })
  }
}
