import Operations
import TensorCore
import TestSupport
import Testing

/// A case of scripts/goldens/delta_rule.py, whose `operands` says how its operands are drawn.
struct DeltaRuleGolden: Sendable, CustomTestStringConvertible {
  let name: String
  let heads, dim: Int
  let lengths: [Int]

  static let all = [
    DeltaRuleGolden(name: "rwkv7", heads: 2, dim: 4, lengths: [1, 15, 16, 17, 63, 64, 65, 500]),
    DeltaRuleGolden(name: "strong", heads: 1, dim: 6, lengths: [1, 15, 16, 17, 63, 64, 65, 500]),
    DeltaRuleGolden(name: "wide", heads: 1, dim: 64, lengths: [65]),
  ]

  var testDescription: String { name }
  /// Relative RMS: rounding an exponent around −5 costs its exponential that much more.
  var tolerance: Double { name == "strong" ? 1e-4 : 1e-5 }
  var shape: RecurrentShape { RecurrentShape(queryHeads: heads, keyDim: dim, scale: 0.75) }

  private func uniform(_ operand: String, _ length: Int) -> [Double] {
    var generator = SeededGenerator(seed: UInt64(length), purpose: "delta-rule.\(name).\(operand)")
    return (0..<length * heads * dim).map { _ in generator.uniform() }
  }

  func operands(_ length: Int) -> [String: Tensor] {
    var kappa = uniform("removals", length).map { 2 * $0 - 1 }
    for start in stride(from: 0, to: kappa.count, by: dim) {
      let norm = kappa[start..<start + dim].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for index in start..<start + dim { kappa[index] /= norm }
    }
    let isStrong = name == "strong"
    let values: [String: [Double]] = [
      "receptances": uniform("receptances", length).map { 3 * $0 - 1.5 },
      "logDecays": uniform("logDecays", length).enumerated().map { index, u in
        isStrong ? (index % 2 == 0 ? -4 - 2 * u : -u) : -0.6065 * u
      },
      "keys": uniform("keys", length).map { 2 * $0 - 1 },
      "values": uniform("values", length).map { 4 * $0 - 2 },
      "removals": kappa.map { -$0 },
      "writes": zip(kappa, uniform("writes", length)).map { $0 * $1 },
      "upstream": uniform("upstream", length).map { 2 * $0 - 1 },
    ]
    return values.mapValues { Tensor($0.map(Float.init), [length, shape.queryWidth]) }
  }
}

@Suite struct DeltaRuleGoldenTests {
  @Test(arguments: DeltaRuleGolden.all)
  func `outputs, final states and every gradient are those of the reference`(
    testCase: DeltaRuleGolden
  ) throws {
    let golden = try Golden("delta-rule/\(testCase.name)")
    for length in testCase.lengths {
      let x = testCase.operands(length)
      let layout = SequenceLayout(length: length)
      let (output, saved) = deltaRule(
        queries: x["receptances"]!, keys: x["keys"]!, values: x["values"]!,
        removals: x["removals"]!, writes: x["writes"]!, decay: .channel(x["logDecays"]!),
        shape: testCase.shape, layout: layout)
      let gradients = deltaRuleGradients(
        output: x["upstream"]!, queries: x["receptances"]!, keys: x["keys"]!,
        values: x["values"]!, removals: x["removals"]!, writes: x["writes"]!,
        decay: .channel(x["logDecays"]!), saved: try #require(saved), shape: testCase.shape,
        layout: layout)
      for (name, found) in [
        ("output", output.numerator), ("state", output.final.sums),
        ("gradient.receptances", gradients.queries),
        ("gradient.logDecays", try #require(gradients.decay)), ("gradient.keys", gradients.keys),
        ("gradient.values", gradients.values), ("gradient.removals", gradients.removals),
        ("gradient.writes", gradients.writes),
      ] {
        let error = relativeRMS(found.elements, try golden.expected("\(length).\(name)"))
        #expect(error < testCase.tolerance, "\(length).\(name)")
      }
    }
  }

  @Test(arguments: DeltaRuleGolden.all)
  func `decoding token by token gives the outputs and states of the reference`(
    testCase: DeltaRuleGolden
  ) throws {
    let golden = try Golden("delta-rule/\(testCase.name)")
    for length in testCase.lengths {
      let x = testCase.operands(length)
      let width = testCase.shape.queryWidth
      var state = RecurrentState(emptyFor: testCase.shape)
      var output: [Float] = []
      for token in 0..<length {
        let row = x.mapValues {
          Tensor(Array($0.elements[token * width..<(token + 1) * width]), [1, width])
        }
        let (result, _) = deltaRule(
          queries: row["receptances"]!, keys: row["keys"]!, values: row["values"]!,
          removals: row["removals"]!, writes: row["writes"]!, decay: .channel(row["logDecays"]!),
          shape: testCase.shape,
          layout: SequenceLayout(
            rows: 1, segments: [.init(start: 0, count: 1, firstPosition: token)]),
          initial: state, savesForGradients: false)
        state = result.final
        output += result.numerator.elements
      }
      #expect(
        relativeRMS(output, try golden.expected("\(length).output")) < testCase.tolerance)
      #expect(
        relativeRMS(state.sums.elements, try golden.expected("\(length).state"))
          < testCase.tolerance)
    }
  }
}
